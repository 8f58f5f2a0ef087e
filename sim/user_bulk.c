/* SPDX-License-Identifier: Apache-2.0 */
/* Any number of files that follow from a seed: names as apps and the camera give them, contents that are never stored.
 */
#include "sim/user_files.h"

#include "base/text.h"
#include "sim/db.h"
#include "sim/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 10 * 1000 * 1000, FIRST_DAY = 1600000000, STEP_S = 37 };

struct bulk {
    uint64_t count, least, most, seed;
};

static uint64_t draw(uint64_t seed, uint64_t n)
{
    uint8_t word[8];
    sim_grow(SIM_FORM_GROWN, seed, 16 + 8 * n, word, sizeof word);
    struct rv_reader r = { .in = { word, sizeof word } };
    return rv_read_u64le(&r);
}

/* "4096" or "1024-65536" */
static bool read_sizes(const char *text, struct bulk *bulk)
{
    char first[32];
    size_t len = strcspn(text, "-");
    (void)snprintf(first, sizeof first, "%.*s", (int)len, text);
    if (!rv_text_number(first, 10, &bulk->least))
        return false;
    bulk->most = bulk->least;
    return text[len] == 0 || (rv_text_number(text + len + 1, 10, &bulk->most) && bulk->most >= bulk->least);
}

static bool read_settings(struct sim_device *device, struct bulk *bulk)
{
    char text[64];
    *bulk = (struct bulk){ .least = 1024, .most = 16384, .seed = 1 };
    sim_lock(device);
    bulk->count = sim_setting_number_locked(device, "files", 0);
    bulk->seed = sim_setting_number_locked(device, "files_seed", device->seed);
    sim_unlock(device);
    if (sim_setting(device, "files_size", text, sizeof text) && !read_sizes(text, bulk))
        return false;
    return bulk->count <= FILES_MAX;
}

/* Where the nth file of each eight lies. */
static const struct {
    const char *domain, *pattern; /* of its folder's and its own number */
    unsigned each;                /* files a folder */
    bool picture;
} places[] = {
    { "CameraRollDomain", "Media/DCIM/%03uAPPLE/IMG_%04u.JPG", 999, true },
    { "AppDomain-org.example.letters", "Documents/%05u/letter-%04u.txt", 100, false },
    { "CameraRollDomain", "Media/PhotoData/Thumbnails/V2/%05u/%04u.JPG", 250, true },
    { "MediaDomain", "Library/SMS/Attachments/%05u/IMG_%04u.JPG", 16, true },
    { "AppDomain-org.example.atlas", "Documents/tiles/%05u/%04u.tile", 256, false },
    { "HomeDomain", "Library/Voicemail/%05u/%04u.amr", 500, false },
    { "AppDomainGroup-group.org.example.tracks", "Library/tracks/%05u/%04u.bin", 128, false },
    { "AppDomain-org.example.atlas", "Library/Caches.keep/%05u/%04u.cache", 200, false },
};

static bool place_file(const struct bulk *bulk, uint64_t n, struct sim_file *file)
{
    char path[SIM_PATH_MAX];
    size_t place = n % RV_COUNT(places);
    uint64_t own = n / RV_COUNT(places);
    unsigned folder = (unsigned)(own / places[place].each) + 100, leaf = (unsigned)(own % places[place].each) + 1;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(path, sizeof path, places[place].pattern, folder, leaf); /* a constant of the table above */
#pragma GCC diagnostic pop
    if (!sim_file_new(file, places[place].domain, path, SIM_MODE_FILE | 0644))
        return false;
    file->form = places[place].picture ? SIM_FORM_GROWN_JPEG : SIM_FORM_GROWN;
    file->key = draw(bulk->seed, 2 * n);
    uint64_t span = bulk->most - bulk->least + 1;
    file->size = bulk->least + draw(bulk->seed, 2 * n + 1) % span;
    file->mtime = file->ctime = file->birth = FIRST_DAY + (int64_t)n * STEP_S;
    return true;
}

bool sim_bulk_lay(struct sim_user *user, struct sim_device *device, struct rv_error *err)
{
    struct bulk bulk;
    struct sim_file file;
    if (!read_settings(device, &bulk))
        return rv_fail(err, RV_E_USAGE, "the settings files and files_size are not understood");
    for (size_t place = 0; place < RV_COUNT(places); place++) /* one after the other: folders come once */
        for (uint64_t n = place; n < bulk.count; n += RV_COUNT(places))
            if (!place_file(&bulk, n, &file) || !sim_user_put(user, &file, err))
                return rv_while(err, "laying generated file %llu", (unsigned long long)n);
    return true;
}

/* One in so many of the generated files, spread over all. */
static bool for_some(struct sim_user *user, unsigned percent, const char *what, uint64_t *count, struct rv_error *err)
{
    char sql[300];
    if (percent == 0 || percent > 100)
        return rv_fail(err, RV_E_USAGE, "1 to 100 percent, not %u", percent);
    (void)snprintf(sql, sizeof sql, "%s WHERE bulk=1 AND (inode*%u)%%100<%u", what, percent, percent);
    if (!sim_db_run(sim_user_db(user), sql, err))
        return false;
    *count = (uint64_t)sqlite3_changes(sim_user_db(user));
    return true;
}

bool sim_bulk_change(struct sim_user *user, unsigned percent, uint64_t *changed, struct rv_error *err)
{
    return for_some(user, percent, "UPDATE file SET key=key+7919, mtime=mtime+86400, ctime=ctime+86400", changed, err);
}

bool sim_bulk_remove(struct sim_user *user, unsigned percent, uint64_t *removed, struct rv_error *err)
{
    return for_some(user, percent, "DELETE FROM file", removed, err);
}
