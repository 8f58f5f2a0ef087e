/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/build_list.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/wire.h"

#include <dirent.h>
#include <stdio.h>
#include <zip.h>

enum { MANIFEST_CAP = 32 << 20 };

static struct rv_blob *read_entry(zip_t *zip, const char *name, size_t cap, struct rv_error *err)
{
    zip_stat_t st;
    if (zip_stat(zip, name, 0, &st) != 0 || !(st.valid & ZIP_STAT_SIZE)) {
        rv_fail(err, RV_E_NOT_FOUND, "the IPSW has no %s", name);
        return NULL;
    }
    if (st.size > cap) {
        rv_fail(err, RV_E_LIMIT, "%s is larger than %zu bytes", name, cap);
        return NULL;
    }
    RV_AUTO(rv_blob) out = rv_blob_new((size_t)st.size, err);
    zip_file_t *file = out ? zip_fopen(zip, name, 0) : NULL;
    zip_int64_t got = file ? zip_fread(file, out->data, st.size) : -1;
    if (file)
        zip_fclose(file);
    if (out && got != (zip_int64_t)st.size)
        rv_fail(err, RV_E_CORRUPT, "%s cannot be read whole", name);
    return out && got == (zip_int64_t)st.size ? rv_steal(&out) : NULL;
}

struct rv_blob *sim_ipsw_file(const char *ipsw, const char *name, size_t cap, struct rv_error *err)
{
    zip_t *zip = zip_open(ipsw, ZIP_RDONLY, NULL);
    if (!zip) {
        rv_fail(err, RV_E_FORMAT, "%s is no readable zip file", ipsw);
        return NULL;
    }
    struct rv_blob *out = read_entry(zip, name, cap, err);
    zip_discard(zip);
    return out;
}

plist_t sim_build_manifest(const char *ipsw)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) xml = sim_ipsw_file(ipsw, "BuildManifest.plist", MANIFEST_CAP, &err);
    return xml ? sim_plist_parse(rv_blob_span(xml)) : NULL;
}

/* What an identity is looked for by: its UniqueBuildID, or the digest of one component. */
struct wanted {
    struct rv_span id;
    const char *component;
};

static bool is_wanted(plist_t identity, const struct wanted *want)
{
    if (!want->component)
        return rv_span_equal(sim_plist_data(identity, "UniqueBuildID"), want->id);
    plist_t manifest = plist_dict_get_item(identity, "Manifest");
    plist_t entry = PLIST_IS_DICT(manifest) ? plist_dict_get_item(manifest, want->component) : NULL;
    return PLIST_IS_DICT(entry) && rv_span_equal(sim_plist_data(entry, "Digest"), want->id);
}

static plist_t find_in_manifest(plist_t manifest, const struct wanted *want, char build[32])
{
    plist_t list = PLIST_IS_DICT(manifest) ? plist_dict_get_item(manifest, "BuildIdentities") : NULL;
    uint32_t count = PLIST_IS_ARRAY(list) ? plist_array_get_size(list) : 0;
    for (uint32_t i = 0; i < count; i++) {
        plist_t identity = plist_array_get_item(list, i);
        if (!is_wanted(identity, want))
            continue;
        const char *number = sim_plist_text(manifest, "ProductBuildVersion");
        snprintf(build, 32, "%s", number ? number : "");
        return plist_copy(identity);
    }
    return NULL;
}

static plist_t find_in_folder(const char *folder, const struct wanted *want, char build[32])
{
    DIR *dir = opendir(folder);
    plist_t found = NULL;
    struct dirent *entry;
    while (dir && !found && (entry = readdir(dir))) {
        struct rv_error err = { 0 };
        if (!rv_text_ends(entry->d_name, ".ipsw"))
            continue;
        RV_AUTO_TEXT path = rv_path_join(folder, entry->d_name, &err);
        plist_t manifest = path ? sim_build_manifest(path) : NULL;
        found = find_in_manifest(manifest, want, build);
        plist_free(manifest);
    }
    if (dir)
        closedir(dir);
    return found;
}

plist_t sim_build_find(const char *folder, struct rv_span unique_build_id, char build[32])
{
    const struct wanted want = { unique_build_id, NULL };
    return find_in_folder(folder, &want, build);
}

plist_t sim_build_with_digest(const char *folder, const char *component, struct rv_span digest)
{
    char build[32];
    const struct wanted want = { digest, component };
    return find_in_folder(folder, &want, build);
}
