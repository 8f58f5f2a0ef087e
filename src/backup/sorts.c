/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/sorts.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* clang-format off: one a line merges */
const struct rv_backup_sort rv_backup_sorts[] = {
    { "photos", "photo", "photos", "CameraRollDomain", "Media/DCIM/", "heic jpg jpeg png gif webp dng tif" },
    { "videos", "video", "videos", "CameraRollDomain", "Media/DCIM/", "mov mp4 m4v" },
    { "photo-library", "file of the photo library", "files of the photo library", "CameraRollDomain", NULL, NULL },
    { "attachments", "attachment of messages", "attachments of messages", "MediaDomain", "Library/SMS/", NULL },
    { "messages", "file of messages", "files of messages", "HomeDomain", "Library/SMS/", NULL },
    { "contacts", "file of contacts", "files of contacts", "HomeDomain", "Library/AddressBook/", NULL },
    { "calls", "file of the call history", "files of the call history", "HomeDomain", "Library/CallHistoryDB/", NULL },
    { "calls", "file of the call history", "files of the call history", "WirelessDomain", "Library/CallHistory/",
      NULL },
    { "calendars", "file of calendars", "files of calendars", "HomeDomain", "Library/Calendar/", NULL },
    { "notes", "file of notes", "files of notes", "AppDomainGroup-group.com.apple.notes", NULL, NULL },
    { "notes", "file of notes", "files of notes", "HomeDomain", "Library/Notes/", NULL },
    { "recordings", "voice memo", "voice memos", "MediaDomain", "Media/Recordings/", NULL },
    { "recordings", "voice memo", "voice memos", "AppDomainGroup-group.com.apple.VoiceMemos.shared", NULL, NULL },
    { "voicemail", "file of voicemail", "files of voicemail", "HomeDomain", "Library/Voicemail/", NULL },
    { "safari", "file of Safari", "files of Safari", "HomeDomain", "Library/Safari/", NULL },
    { "safari", "file of Safari", "files of Safari", "AppDomain-com.apple.mobilesafari", NULL, NULL },
    { "health", "file of Health", "files of Health", "HealthDomain", NULL, NULL },
    { "passwords", "file of passwords", "files of passwords", "KeychainDomain", NULL, NULL },
    { "whatsapp", "file of WhatsApp", "files of WhatsApp", "AppDomainGroup-group.net.whatsapp", NULL, NULL },
    { "media", "media file", "media files", "MediaDomain", NULL, NULL },
    { "apps", "file of an app", "files of apps", "AppDomain", NULL, NULL },
    { "settings", "file of settings", "files of settings", NULL, NULL, NULL },
};
const unsigned rv_backup_sort_count = RV_COUNT(rv_backup_sorts);

const struct rv_backup_database rv_backup_databases[] = {
    { "HomeDomain", "Library/SMS/sms.db", "your messages", "message chat handle" },
    { "HomeDomain", "Library/AddressBook/AddressBook.sqlitedb", "your contacts", "ABPerson ABMultiValue" },
    { "HomeDomain", "Library/AddressBook/AddressBookImages.sqlitedb", "the pictures of your contacts",
      "ABFullSizeImage ABThumbnailImage" },
    { "HomeDomain", "Library/CallHistoryDB/CallHistory.storedata", "your calls", "ZCALLRECORD" },
    { "WirelessDomain", "Library/CallHistory/call_history.db", "your calls", "call" },
    { "HomeDomain", "Library/Calendar/Calendar.sqlitedb", "your calendars", "CalendarItem Calendar" },
    { "HomeDomain", "Library/Notes/notes.sqlite", "your notes", "ZNOTE ZNOTEBODY" },
    { "AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite", "your notes", "ZICCLOUDSYNCINGOBJECT ZICNOTEDATA" },
    { "HomeDomain", "Library/Safari/History.db", "Safari's history", "history_items history_visits" },
    { "HomeDomain", "Library/Safari/Bookmarks.db", "Safari's bookmarks", "bookmarks" },
    { "AppDomain-com.apple.mobilesafari", "Library/Safari/History.db", "Safari's history",
      "history_items history_visits" },
    { "CameraRollDomain", "Media/PhotoData/Photos.sqlite", "the index of your photos", "ZASSET" },
    { "MediaDomain", "Media/Recordings/Recordings.db", "the index of your voice memos", "ZRECORDING" },
    { "AppDomainGroup-group.com.apple.VoiceMemos.shared", "Recordings/CloudRecordings.db",
      "the index of your voice memos", "ZCLOUDRECORDING" },
    { "HomeDomain", "Library/Voicemail/voicemail.db", "your voicemail", "voicemail" },
    { "AppDomainGroup-group.net.whatsapp.WhatsApp.shared", "ChatStorage.sqlite", "your WhatsApp chats",
      "ZWACHATSESSION ZWAMESSAGE" },
    { "HealthDomain", "Health/healthdb_secure.sqlite", "your Health data", "samples objects data_provenances" },
    { "HealthDomain", "Health/healthdb.sqlite", "your Health data", "sources source_devices" },
    { "HomeDomain", "Library/Accounts/Accounts3.sqlite", "your accounts", "ZACCOUNT ZACCOUNTTYPE" },
    { NULL, NULL, NULL, NULL },
};
/* clang-format on */

static bool ends_so(const char *path, const char *endings)
{
    const char *dot = strrchr(path, '.');
    if (endings == NULL)
        return true;
    if (dot == NULL || strlen(dot + 1) > 8)
        return false;
    size_t len = strlen(dot + 1);
    for (const char *p = endings; *p != '\0'; p += *p == ' ') {
        size_t n = strcspn(p, " ");
        if (n == len && strncasecmp(p, dot + 1, n) == 0)
            return true;
        p += n;
    }
    return false;
}

/* Places of several generations are one sort to a person: the first row of its name counts for all. */
static unsigned first_of(unsigned row)
{
    for (unsigned i = 0; i < row; i++)
        if (strcmp(rv_backup_sorts[i].id, rv_backup_sorts[row].id) == 0)
            return i;
    return row;
}

unsigned rv_backup_sort_of(const char *domain, const char *path)
{
    for (unsigned i = 0; i + 1 < rv_backup_sort_count; i++) {
        const struct rv_backup_sort *s = &rv_backup_sorts[i];
        if (rv_text_starts(domain, s->domain) && (s->path == NULL || rv_text_starts(path, s->path)) &&
            ends_so(path, s->endings))
            return first_of(i);
    }
    return rv_backup_sort_count - 1;
}

const struct rv_backup_database *rv_backup_database_of(const char *domain, const char *path)
{
    for (const struct rv_backup_database *d = rv_backup_databases; d->domain != NULL; d++)
        if (strcmp(d->path, path) == 0 && strcmp(d->domain, domain) == 0)
            return d;
    return NULL;
}
