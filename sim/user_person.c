/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An invented person's own files. The databases have tables and columns as apps of 11 to 15 make them, as far as
 * readers need them; their rows follow from the lists below, so that two phones hold the same.
 */
#include "sim/db.h"
#include "sim/user_files.h"
#include "sim/user_picture.h"
#include "sim/wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { APPLE_EPOCH = 978307200, FIRST_MESSAGE = 1704100000 - APPLE_EPOCH, PICTURES = 6 };

static const struct {
    const char *first, *last, *number, *mail;
} people[] = {
    { "Odalys", "Brandvold", "+12025550118", "odalys@letters.example" },
    { "Teun", "Abernathy", "+12025550143", "teun@letters.example" },
    { "Maris", "Okonjo", "+12025550167", "maris@letters.example" },
    { "Grandma", "", "+12025550192", "" },
};

static const char *const sentences[] = {
    "Did you find the key to the shed?",
    "It is under the blue pot, where else.",
    "The boat goes out at six, do not be late.",
    "I will bring bread and the good cheese.",
    "Happy birthday! We all miss you here.",
    "The little one took her first steps today \xf0\x9f\x98\x8a",
    "Call me when you have landed, please.",
    "Landed. Long queue. All well.",
    "Remember the photo of the two of us at the lake? I have found it.",
    "Send it to me, I lost mine with the old phone.",
};

static const char *const pages[][2] = {
    { "https://harbour.example/timetable", "Boats from the harbour" },
    { "https://bread.example/rye", "Rye bread in one bowl" },
    { "https://news.example/", "News of the coast" },
};

/* ---- databases ---- */

typedef bool fill_fn(sqlite3 *db, struct rv_error *err);

/* With SQLite's own conversions, %Q and %q, which no compiler checks. */
static bool insert(sqlite3 *db, struct rv_error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *sql = sqlite3_vmprintf(fmt, args);
    va_end(args);
    bool good = sql != NULL && sim_db_run(db, sql, err);
    sqlite3_free(sql);
    return good;
}

static const char sms_schema[] =
    "CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, id TEXT NOT NULL, country TEXT, service TEXT "
    "NOT "
    "NULL, uncanonicalized_id TEXT, UNIQUE (id, service));"
    "CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, style INTEGER, state "
    "INTEGER,"
    " account_id TEXT, chat_identifier TEXT, service_name TEXT, room_name TEXT, display_name TEXT, group_id TEXT);"
    "CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, text TEXT, handle_id "
    "INTEGER"
    " DEFAULT 0, subject TEXT, attributedBody BLOB, type INTEGER DEFAULT 0, service TEXT, account TEXT, error INTEGER"
    " DEFAULT 0, date INTEGER, date_read INTEGER, date_delivered INTEGER, is_delivered INTEGER DEFAULT 0, is_finished"
    " INTEGER DEFAULT 0, is_from_me INTEGER DEFAULT 0, is_read INTEGER DEFAULT 0, is_sent INTEGER DEFAULT 0,"
    " cache_has_attachments INTEGER DEFAULT 0, cache_roomnames TEXT, item_type INTEGER DEFAULT 0, other_handle INTEGER"
    " DEFAULT 0, group_title TEXT, group_action_type INTEGER DEFAULT 0, associated_message_guid TEXT,"
    " associated_message_type INTEGER DEFAULT 0, balloon_bundle_id TEXT, payload_data BLOB);"
    "CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, created_date INTEGER"
    " DEFAULT 0, filename TEXT, uti TEXT, mime_type TEXT, transfer_state INTEGER DEFAULT 0, is_outgoing INTEGER "
    "DEFAULT 0,"
    " transfer_name TEXT, total_bytes INTEGER DEFAULT 0);"
    "CREATE TABLE chat_handle_join (chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE, handle_id INTEGER "
    "REFERENCES"
    " handle (ROWID) ON DELETE CASCADE, UNIQUE(chat_id, handle_id));"
    "CREATE TABLE chat_message_join (chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE, message_id INTEGER"
    " REFERENCES message (ROWID) ON DELETE CASCADE, message_date INTEGER DEFAULT 0, PRIMARY KEY (chat_id, message_id));"
    "CREATE TABLE message_attachment_join (message_id INTEGER REFERENCES message (ROWID) ON DELETE CASCADE, "
    "attachment_id"
    " INTEGER REFERENCES attachment (ROWID) ON DELETE CASCADE, UNIQUE(message_id, attachment_id));"
    "CREATE INDEX message_idx_date ON message (date);";

static bool fill_messages(sqlite3 *db, struct rv_error *err)
{
    enum { MESSAGES = 120 };
    bool good = sim_db_run(db, sms_schema, err);
    for (unsigned i = 0; good && i < RV_COUNT(people); i++)
        good = insert(db, err, "INSERT INTO handle(id,country,service) VALUES(%Q,'us','iMessage')", people[i].number) &&
               insert(db, err,
                      "INSERT INTO chat(guid,style,state,chat_identifier,service_name) VALUES("
                      "'iMessage;-;%q',45,3,%Q,'iMessage')",
                      people[i].number, people[i].number) &&
               insert(db, err, "INSERT INTO chat_handle_join VALUES(%u,%u)", i + 1, i + 1);
    for (unsigned i = 0; good && i < MESSAGES; i++) {
        unsigned who = i * 7 % (unsigned)RV_COUNT(people) + 1;
        long long date = ((long long)FIRST_MESSAGE + i * 4711LL) * 1000000000LL;
        good = insert(db, err,
                      "INSERT INTO message(guid,text,handle_id,service,date,date_read,is_finished,is_from_me,"
                      "is_read,is_sent,is_delivered) VALUES('5E0A7C1E-0000-4000-8000-%012u',%Q,%u,'iMessage',%lld,"
                      "%lld,1,%d,1,%d,1)",
                      i, sentences[i % RV_COUNT(sentences)], who, date, date + 60000000000LL, i % 2, i % 2) &&
               insert(db, err, "INSERT INTO chat_message_join VALUES(%u,%u,%lld)", who, i + 1, date);
    }
    return good;
}

static bool fill_contacts(sqlite3 *db, struct rv_error *err)
{
    bool good = sim_db_run(db,
                           "CREATE TABLE ABPerson (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, First TEXT, Last TEXT, "
                           "Middle TEXT, Organization"
                           " TEXT, Department TEXT, Note TEXT, Kind INTEGER, Birthday TEXT, JobTitle TEXT, Nickname "
                           "TEXT, CreationDate INTEGER,"
                           " ModificationDate INTEGER, StoreID INTEGER, DisplayName TEXT, guid TEXT);"
                           "CREATE TABLE ABMultiValue (UID INTEGER PRIMARY KEY, record_id INTEGER, property INTEGER, "
                           "identifier INTEGER, label"
                           " INTEGER, value TEXT, guid TEXT, UNIQUE(guid));"
                           "CREATE TABLE ABMultiValueLabel (value TEXT, UNIQUE(value));"
                           "INSERT INTO ABMultiValueLabel VALUES('_$!<Mobile>!$_'),('_$!<Home>!$_')",
                           err);
    for (unsigned i = 0; good && i < RV_COUNT(people); i++)
        good = insert(db, err,
                      "INSERT INTO ABPerson(First,Last,Kind,CreationDate,ModificationDate,StoreID,guid) VALUES("
                      "%Q,%Q,0,%d,%d,0,'AB-%u')",
                      people[i].first, people[i].last, FIRST_MESSAGE, FIRST_MESSAGE, i) &&
               insert(db, err,
                      "INSERT INTO ABMultiValue(record_id,property,identifier,label,value,guid) VALUES("
                      "%u,3,0,1,%Q,'N-%u')",
                      i + 1, people[i].number, i) &&
               (people[i].mail[0] == 0 ||
                insert(db, err,
                       "INSERT INTO ABMultiValue(record_id,property,identifier,label,value,guid) VALUES("
                       "%u,4,0,2,%Q,'M-%u')",
                       i + 1, people[i].mail, i));
    return good;
}

static bool fill_calls(sqlite3 *db, struct rv_error *err)
{
    bool good = sim_db_run(
        db,
        "CREATE TABLE ZCALLRECORD (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZANSWERED INTEGER, "
        "ZCALL_CATEGORY"
        " INTEGER, ZCALLTYPE INTEGER, ZDISCONNECTED_CAUSE INTEGER, ZHANDLE_TYPE INTEGER, ZORIGINATED INTEGER, ZREAD "
        "INTEGER,"
        " ZDATE TIMESTAMP, ZDURATION FLOAT, ZADDRESS VARCHAR, ZISO_COUNTRY_CODE VARCHAR, ZLOCATION VARCHAR, ZNAME "
        "VARCHAR,"
        " ZSERVICE_PROVIDER VARCHAR, ZUNIQUE_ID VARCHAR);"
        "CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);"
        "INSERT INTO Z_PRIMARYKEY VALUES(2,'CallRecord',0,24)",
        err);
    for (unsigned i = 0; good && i < 24; i++)
        good = insert(db, err,
                      "INSERT INTO ZCALLRECORD(Z_ENT,Z_OPT,ZANSWERED,ZCALL_CATEGORY,ZCALLTYPE,ZHANDLE_TYPE,"
                      "ZORIGINATED,ZREAD,ZDATE,ZDURATION,ZADDRESS,ZISO_COUNTRY_CODE,ZSERVICE_PROVIDER,ZUNIQUE_ID)"
                      " VALUES(2,1,%d,1,1,2,%d,1,%u,%u,%Q,'us','com.apple.Telephony','C-%u')",
                      i % 3 != 0, i % 2 == 0, FIRST_MESSAGE + i * 9001, i % 3 ? 30 + i * 17 : 0,
                      people[i % RV_COUNT(people)].number, i);
    return good;
}

static bool fill_notes(sqlite3 *db, struct rv_error *err)
{
    bool good = sim_db_run(
        db,
        "CREATE TABLE ZNOTE (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZCONTENTTYPE INTEGER, ZDELETEDFLAG"
        " INTEGER, ZBODY INTEGER, ZSTORE INTEGER, ZCREATIONDATE TIMESTAMP, ZMODIFICATIONDATE TIMESTAMP, ZAUTHOR "
        "VARCHAR,"
        " ZGUID VARCHAR, ZSUMMARY VARCHAR, ZTITLE VARCHAR);"
        "CREATE TABLE ZNOTEBODY (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZOWNER INTEGER, ZCONTENT "
        "VARCHAR,"
        " ZEXTERNALCONTENTREF VARCHAR, ZEXTERNALREPRESENTATION BLOB);"
        "CREATE TABLE ZSTORE (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZNAME VARCHAR);"
        "INSERT INTO ZSTORE VALUES(1,5,1,'LOCAL_NOTES_STORE')",
        err);
    for (unsigned i = 0; good && i < RV_COUNT(sentences); i++)
        good = insert(db, err, "INSERT INTO ZNOTE VALUES(%u,3,1,0,0,%u,1,%u,%u,NULL,'NOTE-%u',%Q,%Q)", i + 1, i + 1,
                      FIRST_MESSAGE + i * 86400, FIRST_MESSAGE + i * 86400 + 60, i, sentences[i], sentences[i]) &&
               insert(db, err, "INSERT INTO ZNOTEBODY VALUES(%u,4,1,%u,%Q,NULL,NULL)", i + 1, i + 1, sentences[i]);
    return good;
}

static bool fill_history(sqlite3 *db, struct rv_error *err)
{
    bool good = sim_db_run(
        db,
        "CREATE TABLE history_items (id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL UNIQUE, domain_expansion "
        "TEXT"
        " NULL, visit_count INTEGER NOT NULL, daily_visit_counts BLOB NOT NULL, weekly_visit_counts BLOB NULL,"
        " autocomplete_triggers BLOB NULL, should_recompute_derived_visit_counts INTEGER NOT NULL, visit_count_score "
        "INTEGER"
        " NOT NULL);"
        "CREATE TABLE history_visits (id INTEGER PRIMARY KEY AUTOINCREMENT, history_item INTEGER NOT NULL REFERENCES"
        " history_items(id) ON DELETE CASCADE, visit_time REAL NOT NULL, title TEXT NULL, load_successful BOOLEAN NOT "
        "NULL"
        " DEFAULT 1, http_non_get BOOLEAN NOT NULL DEFAULT 0, synthesized BOOLEAN NOT NULL DEFAULT 0, redirect_source "
        "INTEGER"
        " NULL UNIQUE, redirect_destination INTEGER NULL UNIQUE, origin INTEGER NOT NULL DEFAULT 0, generation INTEGER "
        "NOT"
        " NULL DEFAULT 0, attributes INTEGER NOT NULL DEFAULT 0, score INTEGER NOT NULL DEFAULT 0);",
        err);
    for (unsigned i = 0; good && i < RV_COUNT(pages); i++)
        good = insert(db, err, "INSERT INTO history_items VALUES(%u,%Q,NULL,1,x'01000000',NULL,NULL,0,100)", i + 1,
                      pages[i][0]) &&
               insert(db, err, "INSERT INTO history_visits(history_item,visit_time,title) VALUES(%u,%u.5,%Q)", i + 1,
                      FIRST_MESSAGE + i * 3600, pages[i][1]);
    return good;
}

static const struct {
    const char *domain, *path;
    fill_fn *fill;
} databases[] = {
    { "HomeDomain", "Library/SMS/sms.db", fill_messages },
    { "HomeDomain", "Library/AddressBook/AddressBook.sqlitedb", fill_contacts },
    { "HomeDomain", "Library/CallHistoryDB/CallHistory.storedata", fill_calls },
    { "HomeDomain", "Library/Notes/notes.sqlite", fill_notes },
    { "HomeDomain", "Library/Safari/History.db", fill_history },
};

static bool lay_database(struct sim_user *user, size_t which, struct rv_error *err)
{
    sqlite3 *db = sim_db_open(":memory:", true, err);
    sqlite3_int64 len = 0;
    bool good = db != NULL && databases[which].fill(db, err);
    unsigned char *bytes = good ? sqlite3_serialize(db, "main", &len, 0) : NULL;
    good = bytes != NULL &&
           sim_user_put_bytes(user, databases[which].domain, databases[which].path, rv_span(bytes, (size_t)len), err);
    sqlite3_free(bytes);
    sqlite3_close(db);
    return good;
}

/* ---- the rest ---- */

/* Small property lists of one key, as settings are. */
static const struct {
    const char *domain, *path, *key, *value;
} settings[] = {
    { "HomeDomain", "Library/Preferences/com.apple.mobilephone.plist", "LastDialled", "+12025550143" },
    { "HomeDomain", "Library/Preferences/.GlobalPreferences.plist", "AppleLocale", "en_US" },
    { "SystemPreferencesDomain", "SystemConfiguration/preferences.plist", "ComputerName", "Virtual iPhone" },
    { "WirelessDomain", "Library/Preferences/com.apple.carrier.plist", "CarrierName", "Lantern Mobile" },
    { "RootDomain", "Library/Preferences/com.apple.backupd.plist", "Kind", "local" },
    { "ManagedPreferencesDomain", "mobile/com.apple.none.plist", "None", "none" },
    { "AppDomain-org.example.letters", "Library/Preferences/org.example.letters.plist", "Font", "Garamond" },
};

static bool lay_setting(struct sim_user *user, size_t which, struct rv_error *err)
{
    plist_t dict = plist_new_dict();
    char *bytes = NULL;
    uint32_t len = 0;
    plist_dict_set_item(dict, settings[which].key, plist_new_string(settings[which].value));
    plist_to_bin(dict, &bytes, &len);
    plist_free(dict);
    bool good = bytes != NULL &&
                sim_user_put_bytes(user, settings[which].domain, settings[which].path, rv_span(bytes, len), err);
    plist_to_bin_free(bytes);
    return good;
}

static bool lay_picture(struct sim_user *user, unsigned n, struct rv_error *err)
{
    char path[64];
    RV_AUTO(rv_blob) picture = sim_picture_make(n + 1, err);
    (void)snprintf(path, sizeof path, "Media/DCIM/100APPLE/IMG_9%03u.JPG", n); /* above those that are generated */
    return picture != NULL && sim_user_put_bytes(user, "CameraRollDomain", path, rv_blob_span(picture), err);
}

/* What a backup must cope with besides: nothing in a file, a link, letters of other scripts. */
static bool lay_oddities(struct sim_user *user, struct rv_error *err)
{
    struct sim_file link;
    if (!sim_file_new(&link, "HomeDomain", "Library/Sounds", SIM_MODE_LINK | 0755))
        return false;
    (void)snprintf(link.target, sizeof link.target, "/var/mobile/Media/Sounds");
    return sim_user_put(user, &link, err) &&
           sim_user_put_bytes(user, "HomeDomain", "Library/Preferences/empty.lock", rv_span("", 0), err) &&
           sim_user_put_bytes(user, "AppDomain-org.example.letters",
                              "Documents/Briefe/Z\xc3\xbcrich \xe2\x80\x93 \xe6\x97\xa5\xe6\x9c\xac.txt",
                              RV_SPAN_TEXT("a letter from far away\n"), err);
}

bool sim_person_lay(struct sim_user *user, struct sim_device *device, struct rv_error *err)
{
    char wanted[8];
    if (sim_setting(device, "person", wanted, sizeof wanted) && strcmp(wanted, "no") == 0)
        return true;
    bool good = true;
    for (size_t i = 0; good && i < RV_COUNT(databases); i++)
        good = lay_database(user, i, err);
    for (size_t i = 0; good && i < RV_COUNT(settings); i++)
        good = lay_setting(user, i, err);
    for (unsigned i = 0; good && i < PICTURES; i++)
        good = lay_picture(user, i, err);
    return good && lay_oddities(user, err);
}
