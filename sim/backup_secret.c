/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that the device keeps for its backups: drawn when the password is set, kept until it changes, so that a
 * backup needs no derivation. STATE/backup/keys.plist.
 */
#include "base/file.h"
#include "base/text.h"
#include "sim/backup_run.h"
#include "sim/model.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 10000, DOUBLE_ROUNDS = 10000000, KEPT_MAX = 1 << 20, KEPT_KEYS = SIM_CLASSES * (SIM_KEY + 1) };

static bool twice_derived(const struct sim_backup *run)
{
    return run->major > 10 || (run->major == 10 && run->minor >= 2);
}

/* Whether the keys that are kept were made for this password and this generation. */
static void mark_of(const struct sim_backup *run, struct rv_span salt, char out[80])
{
    uint8_t hash[32];
    char hex[65];
    sim_password_hash(run->password, salt, hash);
    (void)snprintf(out, 80, "%s%s", twice_derived(run) ? "2" : "1", rv_text_hex(rv_span(hash, 32), hex, sizeof hex));
}

static bool load(struct sim_backup *run, plist_t kept)
{
    struct rv_error err = { 0 };
    char mark[80];
    struct rv_span bag = sim_plist_data(kept, "Bag"), keys = sim_plist_data(kept, "Keys");
    struct rv_span salt = sim_plist_data(kept, "Salt");
    const char *was = sim_plist_text(kept, "Mark");
    if (bag.len == 0 || keys.len != KEPT_KEYS || salt.len != SIM_SALT || was == NULL)
        return false;
    mark_of(run, salt, mark);
    if (strcmp(mark, was) != 0)
        return false;
    for (size_t i = 0; i < SIM_CLASSES; i++) {
        run->bag.has[i] = keys.ptr[i * (SIM_KEY + 1)] != 0;
        memcpy(run->bag.keys[i], keys.ptr + i * (SIM_KEY + 1) + 1, SIM_KEY);
    }
    run->bag_bytes = rv_blob_copy(bag, &err);
    run->salt = rv_blob_copy(salt, &err);
    return run->bag_bytes != NULL && run->salt != NULL;
}

static bool save(struct sim_backup *run)
{
    uint8_t keys[KEPT_KEYS];
    char path[SIM_OWN_PATH], mark[80];
    struct rv_error err = { 0 };
    for (size_t i = 0; i < SIM_CLASSES; i++) {
        keys[i * (SIM_KEY + 1)] = run->bag.has[i];
        memcpy(keys + i * (SIM_KEY + 1) + 1, run->bag.keys[i], SIM_KEY);
    }
    mark_of(run, rv_blob_span(run->salt), mark);
    plist_t kept = plist_new_dict();
    plist_dict_set_item(kept, "Bag", plist_new_data((const char *)run->bag_bytes->data, run->bag_bytes->len));
    plist_dict_set_item(kept, "Keys", plist_new_data((const char *)keys, sizeof keys));
    plist_dict_set_item(kept, "Salt", plist_new_data((const char *)run->salt->data, run->salt->len));
    plist_dict_set_item(kept, "Mark", plist_new_string(mark));
    sim_backup_path(run, "keys.plist", path);
    bool good = sim_plist_save(kept, path, &err);
    plist_free(kept);
    return good || sim_backup_fail(run, MB_INTERNAL, "the keys cannot be kept");
}

static bool draw(struct sim_backup *run)
{
    struct rv_error err = { 0 };
    struct sim_bag_form form = { .password = run->password,
                                 .rounds = (uint32_t)sim_backup_number(run, "keybag_rounds_sha1", ROUNDS) };
    if (run->encrypted && twice_derived(run))
        form.double_rounds = (uint32_t)sim_backup_number(run, "keybag_rounds", DOUBLE_ROUNDS);
    run->bag_bytes = sim_bag_make(&run->bag, &form, &err);
    run->salt = rv_blob_new(SIM_SALT, &err);
    if (run->bag_bytes == NULL || run->salt == NULL || RAND_bytes(run->salt->data, SIM_SALT) != 1)
        return sim_backup_fail(run, MB_INTERNAL, "no keybag could be made");
    return save(run);
}

bool sim_secret_load(struct sim_backup *run)
{
    char path[SIM_OWN_PATH];
    struct rv_error err = { 0 };
    run->encrypted = run->password[0] != 0;
    sim_backup_path(run, "keys.plist", path);
    RV_AUTO(rv_blob) bytes = rv_file_read(path, KEPT_MAX, &err);
    plist_t kept = bytes != NULL ? sim_plist_parse(rv_blob_span(bytes)) : NULL;
    bool loaded = PLIST_IS_DICT(kept) && load(run, kept);
    plist_free(kept);
    if (loaded)
        return true;
    rv_blob_free(rv_steal(&run->bag_bytes));
    rv_blob_free(rv_steal(&run->salt));
    return draw(run);
}

bool sim_secret_change(struct sim_backup *run, const char *old_password, const char *new_password)
{
    if (strcmp(old_password != NULL ? old_password : "", run->password) != 0)
        return sim_backup_fail(run, MB_PASSWORD, "Invalid password (MBErrorDomain/207)");
    if (new_password != NULL && strlen(new_password) >= sizeof run->password)
        return sim_backup_fail(run, MB_PASSWORD, "Invalid new password (MBErrorDomain/207)");
    bool set = new_password != NULL && new_password[0] != 0;
    if (!set && sim_backup_flag(run, "backup_requires_encryption", false))
        return sim_backup_fail(run, MB_MANAGED, "A profile wants backups encrypted (MBErrorDomain/22)");
    sim_setting_put(run->device, "backup_password", set ? new_password : "");
    sim_record(run->device, "backup", "password %s", set ? (run->password[0] ? "changed" : "set") : "removed");
    (void)snprintf(run->password, sizeof run->password, "%s", set ? new_password : "");
    return sim_secret_load(run);
}
