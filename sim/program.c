/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that make things: keys, firmware files, devices, whole scenes. `run`, `ctl` and `apple` are in program_run.c.
 */
#include "sim/program.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/apple.h"
#include "sim/model.h"

#include <stdio.h>
#include <string.h>

enum { SYSTEM_BYTES = 16 << 20, DATA_BYTES = 4 << 20 };

const char *sim_option(struct sim_words *words, const char *name)
{
    for (int i = 0; i < words->count; i++) {
        char *word = words->word[i];
        size_t len = strlen(name);
        if (word == NULL || strncmp(word, name, len) != 0 || (word[len] != 0 && word[len] != '='))
            continue;
        words->word[i] = NULL;
        if (word[len] == '=')
            return word + len + 1;
        if (i + 1 == words->count || words->word[i + 1] == NULL) {
            words->wrong++;
            fprintf(stderr, "revive-sim: %s wants a value\n", name);
            return NULL;
        }
        const char *value = words->word[i + 1];
        words->word[i + 1] = NULL;
        return value;
    }
    return NULL;
}

bool sim_flag(struct sim_words *words, const char *name)
{
    for (int i = 0; i < words->count; i++) {
        if (words->word[i] != NULL && strcmp(words->word[i], name) == 0) {
            words->word[i] = NULL;
            return true;
        }
    }
    return false;
}

uint64_t sim_option_number(struct sim_words *words, const char *name, uint64_t otherwise)
{
    uint64_t value = otherwise;
    const char *text = sim_option(words, name);
    if (text != NULL && !rv_text_number(text, 0, &value)) {
        words->wrong++;
        fprintf(stderr, "revive-sim: %s wants a number, not %s\n", name, text);
    }
    return value;
}

const char *sim_word(struct sim_words *words)
{
    for (int i = 0; i < words->count; i++) {
        const char *word = words->word[i];
        if (word == NULL || strncmp(word, "--", 2) == 0)
            continue;
        words->word[i] = NULL;
        return word;
    }
    return NULL;
}

int sim_words_end(const struct sim_words *words)
{
    for (int i = 0; i < words->count; i++) {
        if (words->word[i] != NULL) {
            fprintf(stderr, "revive-sim: not understood: %s (--help tells the use)\n", words->word[i]);
            return 2;
        }
    }
    return words->wrong ? 2 : 0;
}

int sim_complain(const struct rv_error *err)
{
    fprintf(stderr, "revive-sim: %s\n", err->depth > 0 ? err->text[0] : "failed");
    for (unsigned i = 1; i < err->depth; i++)
        fprintf(stderr, "  %s\n", err->text[i]);
    return 1;
}

static int missing(const char *what)
{
    fprintf(stderr, "revive-sim: %s is missing (--help tells the use)\n", what);
    return 2;
}

int sim_verb_pki(struct sim_words *words)
{
    struct rv_error err = { 0 };
    const char *folder = sim_word(words);
    if (sim_words_end(words) != 0)
        return 2;
    if (folder == NULL)
        return missing("the folder");
    if (!rv_dir_make(folder, &err) || !sim_pki_make(folder, &err))
        return sim_complain(&err);
    return 0;
}

int sim_verb_ipsw(struct sim_words *words)
{
    struct rv_error err = { 0 };
    struct sim_factory what = {
        .manifest = sim_option(words, "--manifest"),
        .product = sim_option(words, "--product"),
        .out = sim_option(words, "--out"),
        .version = sim_option(words, "--version"),
        .build = sim_option(words, "--build"),
        .system_bytes = sim_option_number(words, "--bytes", SYSTEM_BYTES),
        .seed = (unsigned)sim_option_number(words, "--seed", 1),
        .deflate_image = sim_flag(words, "--deflate"),
    };
    if (sim_words_end(words) != 0)
        return 2;
    if (what.out == NULL)
        return missing("--out FILE");
    return sim_factory_make(&what, &err) ? 0 : sim_complain(&err);
}

int sim_verb_ipsw_damage(struct sim_words *words)
{
    struct rv_error err = { 0 };
    static const char *const kinds[] = { "--cut", "--flip", "--component", "--forge" };
    const char *value = NULL, *file = NULL;
    unsigned kind = 0;
    while (kind < RV_COUNT(kinds) && (value = sim_option(words, kinds[kind])) == NULL)
        kind++;
    file = sim_word(words);
    if (sim_words_end(words) != 0)
        return 2;
    uint64_t at = 0;
    if (file == NULL || value == NULL)
        return missing("the firmware file, or what to do to it");
    if (kind <= SIM_DAMAGE_FLIP && !rv_text_number(value, 0, &at))
        return missing("a number of bytes");
    return sim_ipsw_damage(file, (enum sim_damage)kind, at, value, &err) ? 0 : sim_complain(&err);
}

int sim_verb_ipsw_hash(struct sim_words *words)
{
    struct rv_error err = { 0 };
    char hash[97];
    const char *file = sim_word(words);
    if (sim_words_end(words) != 0)
        return 2;
    if (file == NULL)
        return missing("the firmware file");
    if (!sim_factory_system_hash(file, hash, &err))
        return sim_complain(&err);
    puts(hash);
    return 0;
}

static bool lay_device(struct sim_create *what, const char *pki, struct rv_error *err)
{
    RV_AUTO_TEXT root = rv_path_join(pki, "root.der", err);
    if (root == NULL)
        return false;
    what->trust_root = root;
    bool ok = sim_device_create(what, err);
    what->trust_root = NULL;
    return ok;
}

int sim_verb_new(struct sim_words *words)
{
    struct rv_error err = { 0 };
    const char *pki = sim_option(words, "--pki");
    struct sim_create what = {
        .state_dir = sim_option(words, "--state"),
        .ipsw = sim_option(words, "--ipsw"),
        .product = sim_option(words, "--product"),
        .model = sim_option(words, "--model"),
        .ecid = sim_option_number(words, "--ecid", 0),
        .data_bytes = sim_option_number(words, "--data-bytes", DATA_BYTES),
        .seed = (unsigned)sim_option_number(words, "--seed", 1),
    };
    if (sim_words_end(words) != 0)
        return 2;
    if (what.state_dir == NULL || pki == NULL)
        return missing("--state or --pki");
    return lay_device(&what, pki, &err) ? 0 : sim_complain(&err);
}

/* ---- stage ---- */

static bool damage_by_update(struct sim_device *device, struct rv_error *err)
{
    sim_install_begin(device);
    /* The phone shows itself and dies twice before it gives up, as its owner has watched it do. */
    sim_setting_put(device, "boot_loop", "2");
    return sim_storage_damage(device, "system.img", err);
}

static bool stay_in_recovery(struct sim_device *device, struct rv_error *err)
{
    (void)err;
    sim_nvram_set(device, "auto-boot", "false", true);
    return true;
}

static bool lose_llb(struct sim_device *device, struct rv_error *err)
{
    return sim_storage_damage(device, "flash/illb.img4", err);
}

static bool leave_alone(struct sim_device *device, struct rv_error *err)
{
    (void)device;
    (void)err;
    return true;
}

static const struct {
    const char *name;
    bool (*harm)(struct sim_device *device, struct rv_error *err);
} scenarios[] = {
    { "boot-loop", damage_by_update },
    { "dfu", lose_llb },
    { "fresh", leave_alone },
    { "recovery", stay_in_recovery },
};

struct scene {
    char pki[4096], old_ipsw[4096], new_ipsw[4096], files[4096], phone[4096];
    uint64_t system_bytes, data_bytes;
};

static bool lay_scene(const struct scene *scene, struct rv_error *err)
{
    struct sim_factory old_one = { .out = scene->old_ipsw, .system_bytes = scene->system_bytes, .seed = 1 };
    struct sim_factory new_one = {
        .out = scene->new_ipsw, .version = "11.3", .build = "15E216", .system_bytes = scene->system_bytes, .seed = 2
    };
    struct sim_create device = {
        .state_dir = scene->phone, .ipsw = scene->old_ipsw, .data_bytes = scene->data_bytes, .seed = 1
    };
    return rv_dir_make(scene->pki, err) && rv_dir_make(scene->files, err) && sim_pki_make(scene->pki, err) &&
           sim_factory_make(&old_one, err) && sim_factory_make(&new_one, err) && lay_device(&device, scene->pki, err);
}

static bool harm_device(const struct scene *scene, const char *scenario, struct rv_error *err)
{
    for (size_t i = 0; i < RV_COUNT(scenarios); i++) {
        if (strcmp(scenarios[i].name, scenario) != 0)
            continue;
        struct sim_device *device = sim_device_open(scene->phone, err);
        bool ok = device != NULL && scenarios[i].harm(device, err);
        sim_device_close(device);
        return ok;
    }
    return rv_fail(err, RV_E_USAGE, "no such scenario: %s", scenario);
}

int sim_verb_stage(struct sim_words *words)
{
    struct rv_error err = { 0 };
    struct scene scene;
    const char *dir = sim_option(words, "--dir"), *scenario = sim_option(words, "--scenario");
    scene.system_bytes = sim_option_number(words, "--bytes", SYSTEM_BYTES);
    scene.data_bytes = sim_option_number(words, "--data-bytes", DATA_BYTES);
    if (sim_words_end(words) != 0)
        return 2;
    if (dir == NULL)
        return missing("--dir DIR");
    snprintf(scene.pki, sizeof scene.pki, "%s/pki", dir);
    snprintf(scene.files, sizeof scene.files, "%s/files", dir);
    snprintf(scene.old_ipsw, sizeof scene.old_ipsw, "%s/files/old.ipsw", dir);
    snprintf(scene.new_ipsw, sizeof scene.new_ipsw, "%s/files/new.ipsw", dir);
    snprintf(scene.phone, sizeof scene.phone, "%s/phone", dir);
    if (!lay_scene(&scene, &err) || !harm_device(&scene, scenario != NULL ? scenario : "boot-loop", &err))
        return sim_complain(&err);
    printf("pki %s\nold %s\nnew %s\nphone %s\n", scene.pki, scene.old_ipsw, scene.new_ipsw, scene.phone);
    return 0;
}
