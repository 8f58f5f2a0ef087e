/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The property lists of the new backup. What a phone requires of them: Status.plist (all six values), Manifest.plist
 * (Version, SystemDomainsVersion, a keybag even when nothing is encrypted), Info.plist for iTunes and Finder.
 */
#include "backup/content.h"
#include "backup/find.h"
#include "backup/mending.h"
#include "backup/proof.h"

#include "base/file.h"
#include "base/text.h"
#include "crypto/pair_certs.h"
#include "crypto/wrap.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { BAG_MAX = 1 << 16, EMPTY_ROUNDS = 10000, CLASSES = 11, OPEN_CLASSES = 4 };
static const int64_t epoch_2001 = 978307200;

static void set(plist_t dict, const char *key, plist_t value)
{
    plist_dict_set_item(dict, key, value);
}

static plist_t date_node(int64_t seconds)
{
    return plist_new_date((int32_t)(seconds - epoch_2001), 0);
}

/* ---- keybags ---- */

/* What the bag of an unencrypted backup is: class keys that the empty password opens. */
static bool empty_bag(plist_t manifest, struct rv_error *err)
{
    struct rv_keybag bag = { .version = 3, .type = 1, .wrap = 1, .rounds = EMPTY_ROUNDS, .count = CLASSES };
    uint8_t kek[RV_KEY], key[RV_KEY];
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(BAG_MAX);
    bag.salt.len = 20;
    if (!rv_random(bag.uuid, sizeof bag.uuid, err) || !rv_random(bag.salt.bytes, bag.salt.len, err) ||
        !rv_pbkdf2(RV_DIGEST_SHA1, rv_span("", 0), rv_span(bag.salt.bytes, bag.salt.len), bag.rounds, kek, err))
        return false;
    for (unsigned i = 0; i < CLASSES; i++) {
        struct rv_keybag_class *c = &bag.classes[i];
        c->number = i + 1;
        c->wrap = i < OPEN_CLASSES ? RV_KEYBAG_WRAP_PASSWORD : RV_KEYBAG_WRAP_PASSWORD | RV_KEYBAG_WRAP_DEVICE;
        c->has_key = true;
        if (!rv_random(c->uuid, sizeof c->uuid, err) || !rv_random(key, sizeof key, err) ||
            !rv_key_wrap(kek, key, c->wrapped, err))
            return false;
    }
    rv_wipe(key, sizeof key);
    rv_wipe(kek, sizeof kek);
    if (!rv_keybag_format(&bag, &out, err))
        return false;
    set(manifest, "BackupKeyBag", plist_new_data((const char *)out.data, out.len));
    return true;
}

/* A list that is cut or scribbled over may still hold the bag and the index's key as they were. */
static plist_t keys_out_of(struct rv_span raw)
{
    static const uint8_t bag_begins[] = { 'V', 'E', 'R', 'S', 0, 0, 0, 4 }, key_begins[] = { 0x4F, 0x10, 44 };
    struct rv_keybag bag;
    struct rv_error none = { 0 };
    const uint8_t *at = raw.len > 0 ? memmem(raw.ptr, raw.len, bag_begins, sizeof bag_begins) : NULL;
    if (at == NULL || !rv_keybag_salvage(rv_span(at, raw.len - (size_t)(at - raw.ptr)), &bag))
        return NULL;
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(BAG_MAX);
    if (!rv_keybag_format(&bag, &out, &none))
        return NULL;
    plist_t m = plist_new_dict();
    set(m, "BackupKeyBag", plist_new_data((const char *)out.data, out.len));
    const uint8_t *key = memmem(raw.ptr, raw.len, key_begins, sizeof key_begins);
    size_t behind = key != NULL ? raw.len - (size_t)(key - raw.ptr) : 0;
    if (behind >= 3 + 44 && key[3] > 0 && key[3] < RV_BACKUP_KEYS && key[4] == 0)
        set(m, "ManifestKey", plist_new_data((const char *)key + 3, 44));
    return m;
}

/* ---- Manifest.plist ---- */

static bool has_bag(plist_t manifest)
{
    struct rv_keybag bag;
    struct rv_error none = { 0 };
    struct rv_span raw = rv_plist_data(manifest, "BackupKeyBag");
    return raw.len > 0 && rv_keybag_parse(raw, &bag, &none);
}

static plist_t manifest_at(struct rv_mending *m, const char *path)
{
    struct rv_error none = { 0 };
    RV_AUTO(rv_backup) b = rv_backup_look(m->ctx, path, &none);
    return b != NULL && has_bag(b->manifest.plist) ? plist_copy(b->manifest.plist) : NULL;
}

/* Copies beside this one: the same phone by name, with or without a date behind. */
static plist_t manifest_of_older(struct rv_mending *m)
{
    char parent[RV_PLACE_MAX], path[RV_PLACE_MAX + 300];
    struct dirent **names = NULL;
    plist_t found = NULL;
    snprintf(parent, sizeof parent, "%s", m->b->path);
    char *slash = strrchr(parent, '/');
    const char *own = slash != NULL ? slash + 1 : "";
    if (slash == NULL)
        return NULL;
    *slash = '\0';
    size_t len = rv_backup_udid_of(own);
    int count = scandir(*parent != '\0' ? parent : "/", &names, NULL, alphasort);
    for (int i = count; i-- > 0;) {
        const char *other = names[i]->d_name + (*names[i]->d_name == '.'); /* what revive keeps begins with a dot */
        bool same = len > 0 && strncasecmp(other, own, len) == 0 && strcmp(names[i]->d_name, own) != 0;
        snprintf(path, sizeof path, "%s/%s", parent, names[i]->d_name);
        if (found == NULL && same)
            found = manifest_at(m, path);
        free(names[i]);
    }
    free(names);
    return found;
}

static bool index_is_sealed(struct rv_mending *m)
{
    struct rv_error none = { 0 };
    char head[16];
    RV_AUTO_FD fd = rv_place_open(m->b->dir, "Manifest.db", 0, &none);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < 4096 || st.st_size % 16 != 0)
        return false;
    for (off_t at = 0; at <= 4096;
         at += 4096) { /* pages of a database have many zeroes, sealed ones none to speak of */
        unsigned zeroes = 0;
        uint8_t page[512];
        if (pread(fd, page, sizeof page, at) != (ssize_t)sizeof page)
            return false;
        memcpy(head, page, sizeof head);
        for (size_t i = 0; i < sizeof page; i++)
            zeroes += page[i] == 0;
        if (memcmp(head, "SQLite format 3", 16) == 0 || zeroes > 60)
            return false;
    }
    return true;
}

static bool looks_sealed(struct rv_mending *m, const struct rv_stock_file *file)
{
    uint8_t head[RV_CONTENT_HEAD];
    struct rv_error none = { 0 };
    unsigned letters = 0;
    RV_AUTO_FD fd = rv_place_open(m->b->dir, file->place, O_RDONLY | O_NONBLOCK, &none);
    if (fd < 0 || !rv_fd_read_at(fd, head, sizeof head, 0, &none))
        return true; /* says nothing */
    for (size_t i = 0; i < sizeof head; i++)
        letters += (head[i] >= ' ' && head[i] < 0x7F) || head[i] == '\n' || head[i] == '\t';
    return letters < sizeof head && rv_content_of(rv_span(head, sizeof head)) == NULL &&
           !rv_content_is_blank(rv_span(head, sizeof head));
}

/* Without any list the files tell: sealed ones are whole blocks, and none of them begins as files do. */
static bool files_are_sealed(struct rv_mending *m)
{
    enum { SAMPLE = 256, LEAST = 4, BLOCK = 16 };
    unsigned seen = 0;
    for (size_t i = 0; i < m->stock.count && seen < SAMPLE; i++) {
        const struct rv_stock_file *file = &m->stock.files[i];
        if (file->size == 0)
            continue;
        if (file->size % BLOCK != 0 || !looks_sealed(m, file))
            return false;
        seen++;
    }
    return seen >= LEAST;
}

static bool stop_at_key(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    bool *seen = context;
    *seen = row->file != NULL && row->file->key.len > 0;
    return !*seen || rv_fail(err, RV_E_CANCELLED, "a key was seen");
}

/* What the entries themselves say, where they can be read without a password. */
static bool entries_decide(struct rv_mending *m, bool *encrypted)
{
    struct rv_error none = { 0 };
    bool seen = false;
    if (m->b->kind == RV_BACKUP_NO_INDEX || index_is_sealed(m) || !rv_backup_open_index(m->b, &none))
        return false;
    bool to_the_end = rv_backup_each(m->b, stop_at_key, &seen, &none);
    *encrypted = seen;
    return seen || to_the_end;
}

/* The bag alone: what else the list says is of this backup, its index's key above all. */
static plist_t with_bag_of(plist_t top, plist_t older)
{
    static const char *const keys[] = { "BackupKeyBag", "ManifestKey" };
    plist_t merged = plist_copy(top);
    for (size_t i = 0; i < RV_COUNT(keys); i++) {
        plist_t value = rv_plist_node(older, keys[i]);
        if (value != NULL && (i == 0 || rv_plist_node(top, keys[i]) == NULL))
            set(merged, keys[i], plist_copy(value));
    }
    plist_free(older);
    return merged;
}

static plist_t find_manifest(struct rv_mending *m)
{
    struct rv_error none = { 0 };
    char snapshot[RV_PLACE_MAX];
    plist_t top = m->b->manifest.plist;
    if (top != NULL && has_bag(top))
        return plist_copy(top);
    RV_AUTO(rv_blob) raw = rv_place_read(m->b->dir, "Manifest.plist", RV_BACKUP_PLIST_MAX, &none);
    plist_t saved = NULL;
    struct rv_span bag = rv_plist_data(top, "BackupKeyBag");
    snprintf(snapshot, sizeof snapshot, "%s/Snapshot", m->b->path);
    plist_t found = manifest_at(m, snapshot);
    if (found == NULL)
        found = manifest_of_older(m);
    if (found != NULL) {
        m->out->keys_of_older_copy = true;
        return top != NULL ? with_bag_of(top, found) : found;
    }
    saved = keys_out_of(bag.len > 0 ? bag : raw != NULL ? rv_blob_span(raw) : rv_span(NULL, 0));
    if (top == NULL)
        return saved;
    found = plist_copy(top);
    if (saved != NULL)
        set(found, "BackupKeyBag", plist_copy(rv_plist_node(saved, "BackupKeyBag")));
    if (saved != NULL)
        plist_free(saved);
    return found;
}

static plist_t lockdown_of_info(const struct rv_backup *b)
{
    static const char *const pairs[][2] = {
        { "ProductVersion", "Product Version" }, { "BuildVersion", "Build Version" },
        { "DeviceName", "Device Name" },         { "ProductType", "Product Type" },
        { "SerialNumber", "Serial Number" },     { "UniqueDeviceID", "Target Identifier" }
    };
    plist_t lockdown = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(pairs); i++)
        if (rv_plist_text(b->info.plist, pairs[i][1]) != NULL)
            set(lockdown, pairs[i][0], plist_new_string(rv_plist_text(b->info.plist, pairs[i][1])));
    return lockdown;
}

/* "9.1" as 9.1; 0: no number. */
static double number_of(const char *text)
{
    return text != NULL && isdigit((unsigned char)*text) ? strtod(text, NULL) : 0;
}

/* "16.1.2" and "9.3": is the first the later one? */
static bool is_later(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        char *a_end, *b_end;
        long x = strtol(a, &a_end, 10), y = strtol(b, &b_end, 10);
        if (x != y)
            return x > y;
        if (a_end == a && b_end == b)
            return false;
        a = *a_end == '.' ? a_end + 1 : "";
        b = *b_end == '.' ? b_end + 1 : "";
    }
    return false;
}

/* Phones that get a list of apps put their data back by it; without one it is made of what Info.plist says. */
static plist_t apps_of_info(const struct rv_backup *b)
{
    plist_t installed = rv_plist_array(b->info.plist, "Installed Applications"), apps = plist_new_dict();
    for (uint32_t i = 0; installed != NULL && i < plist_array_get_size(installed); i++) {
        plist_t node = plist_array_get_item(installed, i), app = plist_new_dict();
        const char *name = plist_get_node_type(node) == PLIST_STRING ? plist_get_string_ptr(node, NULL) : NULL;
        set(app, "CFBundleIdentifier", plist_new_string(name != NULL ? name : ""));
        set(app, "ContainerContentClass", plist_new_string("Data/Application"));
        if (name != NULL && *name != '\0')
            set(apps, name, app);
        else
            plist_free(app);
    }
    return apps;
}

/* Values of other kinds than phones write end a restore (MBErrorDomain/11): they go, and what is needed is made anew.
 */
static void drop_wrong_kinds(plist_t p)
{
    for (const char *key; (key = rv_backup_wrong_kind(p)) != NULL;)
        plist_dict_remove_item(p, key);
}

static void complete_versions(struct rv_mending *m)
{
    plist_t p = m->manifest, lockdown = rv_plist_dict(p, "Lockdown");
    const char *system = rv_plist_text(lockdown, "ProductVersion");
    const char *required = rv_plist_text(p, "RequiredProductVersion");
    double version = number_of(rv_plist_text(p, "Version"));
    double domains = number_of(rv_plist_text(p, "SystemDomainsVersion"));
    bool fits = m->mbdb ? version >= 2 && version < 10 : version >= 10 && version < 11;
    if (!fits)
        set(p, "Version", plist_new_string(m->mbdb ? "9.1" : "10.0"));
    if (domains < 1 || domains >= 30) /* 20.0 and 24.0 (from iOS 26 on) have been seen */
        set(p, "SystemDomainsVersion", plist_new_string(number_of(system) >= 26 ? "24.0" : "20.0"));
    if (required != NULL && system != NULL && (m->options->for_ios != NULL || is_later(required, system)))
        plist_dict_remove_item(p, "RequiredProductVersion"); /* the phone that made it was not new enough for it */
}

static void complete_manifest(struct rv_mending *m)
{
    plist_t p = m->manifest;
    drop_wrong_kinds(p);
    if (rv_plist_dict(p, "Lockdown") == NULL)
        set(p, "Lockdown", lockdown_of_info(m->b));
    complete_versions(m);
    if (rv_plist_dict(p, "Applications") == NULL)
        set(p, "Applications", apps_of_info(m->b));
    if (rv_plist_node(p, "Date") == NULL)
        set(p, "Date", date_node(time(NULL)));
    if (rv_plist_node(p, "WasPasscodeSet") == NULL)
        set(p, "WasPasscodeSet", plist_new_bool(1));
    set(p, "IsEncrypted", plist_new_bool(m->encrypted));
    if (!m->encrypted && rv_plist_node(p, "ManifestKey") != NULL)
        plist_dict_remove_item(p, "ManifestKey");
}

static bool opens_all(const struct rv_keybag *bag, const struct rv_backup_key keys[RV_BACKUP_KEYS])
{
    for (unsigned i = 0; i < bag->count; i++)
        if (bag->classes[i].has_key && bag->classes[i].wrap == RV_KEYBAG_WRAP_PASSWORD &&
            (bag->classes[i].number >= RV_BACKUP_KEYS || !keys[bag->classes[i].number].known))
            return false;
    return true;
}

/* The bag of a backup that is not encrypted opens without a password. */
static bool has_open_bag(plist_t manifest)
{
    struct rv_keybag bag;
    struct rv_backup_key keys[RV_BACKUP_KEYS] = { 0 };
    struct rv_error none = { 0 };
    struct rv_span raw = rv_plist_data(manifest, "BackupKeyBag");
    return raw.len > 0 && rv_keybag_parse(raw, &bag, &none) && rv_backup_open_keybag(&bag, "", keys, &none) &&
           opens_all(&bag, keys);
}

static bool open_bag(struct rv_mending *m, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(BAG_MAX);
    unsigned mended = 0;
    if (!rv_backup_unlock(m->b, m->options->password, err))
        return false;
    if (opens_all(&m->b->keybag, m->b->keys))
        return true;
    if (!rv_backup_mend_keybag(&m->b->keybag, m->options->password, &mended, err) ||
        !rv_keybag_format(&m->b->keybag, &out, err))
        return false;
    set(m->manifest, "BackupKeyBag", plist_new_data((const char *)out.data, out.len));
    rv_findings_add(m->lost, RV_FIND_KEYBAG, NULL, NULL, "a key in it was damaged: what it had locked is lost");
    return true;
}

/* Whether the backup is encrypted, and the keys when it is. */
static bool settle_keys(struct rv_mending *m, struct rv_error *err)
{
    struct rv_backup *b = m->b;
    bool said = false;
    m->encrypted = rv_plist_bool(m->manifest, "IsEncrypted", false) ||
                   rv_plist_node(m->manifest, "ManifestKey") != NULL || index_is_sealed(m);
    if (entries_decide(m, &said))
        m->encrypted = said;
    else if (!has_bag(m->manifest))
        m->encrypted = m->encrypted || files_are_sealed(m);
    b->encrypted = m->encrypted;
    if (!m->encrypted)
        return has_open_bag(m->manifest) || empty_bag(m->manifest, err);
    struct rv_span bag = rv_plist_data(m->manifest, "BackupKeyBag");
    struct rv_error none = { 0 };
    b->has_keybag = bag.len > 0 && rv_keybag_parse(bag, &b->keybag, &none);
    if (b->manifest.plist != NULL)
        plist_free(b->manifest.plist);
    b->manifest.plist = plist_copy(m->manifest); /* what follows reads the index's key there */
    if (b->has_keybag && m->options->password == NULL) {
        rv_fail(err, RV_E_DENIED, "the backup %s is encrypted: its password is needed to mend it", b->path);
        return rv_advise(err, RV_ADVICE_BACKUP_PASSWORD_NEEDED);
    }
    return open_bag(m, err);
}

/* ---- Info.plist, Status.plist ---- */

static const char *own_name(const struct rv_backup *b)
{
    const char *slash = strrchr(b->path, '/');
    return slash != NULL ? slash + 1 : b->path;
}

static void set_names(plist_t info, const char *id)
{
    char upper[64];
    snprintf(upper, sizeof upper, "%.60s", id);
    set(info, "Target Identifier", plist_new_string(id));
    for (char *p = upper; *p != '\0'; p++)
        *p = (char)toupper((unsigned char)*p);
    set(info, "Unique Identifier", plist_new_string(upper));
}

static plist_t make_info(struct rv_mending *m)
{
    static const char *const pairs[][2] = {
        { "Product Version", "ProductVersion" }, { "Build Version", "BuildVersion" },
        { "Device Name", "DeviceName" },         { "Display Name", "DeviceName" },
        { "Product Type", "ProductType" },       { "Serial Number", "SerialNumber" }
    };
    plist_t lockdown = rv_plist_dict(m->manifest, "Lockdown"), info = plist_new_dict();
    char udid[64] = "", guid[37];
    const char *id = rv_plist_text(lockdown, "UniqueDeviceID");
    struct rv_error none = { 0 };
    size_t len = rv_backup_udid_of(own_name(m->b));
    snprintf(udid, sizeof udid, "%.*s", id != NULL ? 60 : (int)len, id != NULL ? id : own_name(m->b));
    for (size_t i = 0; i < RV_COUNT(pairs); i++)
        if (rv_plist_text(lockdown, pairs[i][1]) != NULL)
            set(info, pairs[i][0], plist_new_string(rv_plist_text(lockdown, pairs[i][1])));
    set_names(info, udid);
    set(info, "Target Type", plist_new_string("Device"));
    if (rv_uuid_make(guid, &none)) {
        char flat[33];
        size_t n = 0;
        for (const char *p = guid; *p != '\0' && n < 32; p++)
            if (*p != '-')
                flat[n++] = *p;
        flat[n] = '\0';
        set(info, "GUID", plist_new_string(flat));
    }
    plist_t date = rv_plist_node(m->manifest, "Date");
    set(info, "Last Backup Date", date != NULL ? plist_copy(date) : date_node(time(NULL)));
    plist_t apps = plist_new_array();
    struct rv_plist_walk w = { .dict = rv_plist_dict(m->manifest, "Applications") };
    while (w.dict != NULL && rv_plist_walk(&w))
        plist_array_append_item(apps, plist_new_string(w.key));
    rv_plist_walk_clear(&w);
    set(info, "Installed Applications", apps);
    set(info, "Applications", plist_new_dict());
    set(info, "iTunes Version", plist_new_string("12.13"));
    return info;
}

/*
 * Info.plist is the computer's work, Manifest.plist's Lockdown the phone's: where they disagree on which phone and
 * which system it is, the phone knows better. The folder's name decides when it is one of the two.
 */
static plist_t mend_info(struct rv_mending *m)
{
    plist_t info = plist_copy(m->b->info.plist), lockdown = rv_plist_dict(m->manifest, "Lockdown");
    const char *id = rv_plist_text(lockdown, "UniqueDeviceID"), *said = rv_plist_text(info, "Target Identifier");
    const char *name = own_name(m->b), *system = rv_plist_text(lockdown, "ProductVersion");
    const char *version = rv_plist_text(info, "Product Version"), *build = rv_plist_text(lockdown, "BuildVersion");
    bool folder_agrees = strncasecmp(name, said, strlen(said)) == 0;
    if (id != NULL && rv_backup_udid_of(id) == strlen(id) && strcasecmp(id, said) != 0 && !folder_agrees)
        set_names(info, id);
    if (system != NULL && (version == NULL || is_later(version, system))) {
        set(info, "Product Version", plist_new_string(system));
        if (build != NULL)
            set(info, "Build Version", plist_new_string(build));
    }
    return info;
}

/* Phones compare this version with their own, and refuse what is newer. */
static void lower_version(plist_t info, const char *for_ios)
{
    const char *version = rv_plist_text(info, "Product Version");
    if (for_ios != NULL && (version == NULL || is_later(version, for_ios)))
        set(info, "Product Version", plist_new_string(for_ios));
}

static plist_t make_status(struct rv_mending *m)
{
    plist_t old = m->b->status.plist, status = plist_new_dict();
    char uuid[37] = "00000000-0000-4000-8000-000000000000";
    struct rv_error none = { 0 };
    const char *kept = rv_plist_text(old, "UUID");
    plist_t date = rv_plist_node(old, "Date");
    bool dated = date != NULL && plist_get_node_type(date) == PLIST_DATE;
    rv_uuid_make(uuid, &none);
    set(status, "Version", plist_new_string(m->mbdb ? "2.4" : "3.3"));
    set(status, "UUID", plist_new_string(kept != NULL ? kept : uuid));
    set(status, "Date", dated ? plist_copy(date) : date_node(time(NULL)));
    set(status, "BackupState", plist_new_string("new"));
    set(status, "SnapshotState", plist_new_string("finished"));
    set(status, "IsFullBackup", plist_new_bool(rv_plist_bool(old, "IsFullBackup", false)));
    return status;
}

bool rv_mend_lists(struct rv_mending *m, struct rv_error *err)
{
    m->manifest = find_manifest(m);
    m->out->lists_rebuilt = m->b->manifest.plist == NULL || m->b->info.plist == NULL || m->b->status.plist == NULL;
    if (m->manifest == NULL)
        m->manifest = plist_new_dict();
    if (!settle_keys(m, err))
        return false;
    complete_manifest(m);
    m->info = m->b->info.plist != NULL && rv_plist_text(m->b->info.plist, "Target Identifier") != NULL ? mend_info(m)
                                                                                                       : make_info(m);
    lower_version(m->info, m->options->for_ios);
    m->status = make_status(m);
    return true;
}

static bool write_list(struct rv_mending *m, const char *name, plist_t list, bool binary, struct rv_error *err)
{
    RV_AUTO(rv_blob) bytes = rv_plist_format(list, binary, err);
    return bytes != NULL && rv_place_write(m->to, name, rv_blob_span(bytes), err);
}

bool rv_mend_write_lists(struct rv_mending *m, struct rv_error *err)
{
    return write_list(m, "Info.plist", m->info, false, err) &&
           write_list(m, "Manifest.plist", m->manifest, true, err) &&
           write_list(m, "Status.plist", m->status, true, err);
}
