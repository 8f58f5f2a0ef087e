/* SPDX-License-Identifier: Apache-2.0 */
#include "restore_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct rig_world rig_world;

void rig_must(bool good, const struct rv_error *err)
{
    if (!good)
        fail_msg("%s", err->depth > 0 ? err->text[0] : "no reason given");
}

void rig_world_make(const struct rig_form *form)
{
    struct rv_error err = { 0 };
    struct rig_world *w = &rig_world;
    *w = (struct rig_world){ .form = *form };
    char dir[] = "/tmp/revive-restored-XXXXXX";
    assert_non_null(mkdtemp(dir));
    snprintf(w->dir, sizeof w->dir, "%s", dir);
    const char *shared = getenv("REVIVE_TEST_PKI");
    snprintf(w->pki, sizeof w->pki, "%s%s", shared != NULL ? shared : dir, shared != NULL ? "" : "/pki");
    snprintf(w->root, sizeof w->root, "%.280s/root.der", w->pki);
    snprintf(w->old_ipsw, sizeof w->old_ipsw, "%s/old.ipsw", dir);
    snprintf(w->new_ipsw, sizeof w->new_ipsw, "%s/new.ipsw", dir);
    struct sim_factory old_one = { .out = w->old_ipsw,
                                   .product = form->product,
                                   .version = form->old_version,
                                   .build = form->old_build,
                                   .system_bytes = 3 << 20,
                                   .seed = 1 };
    struct sim_factory new_one = { .out = w->new_ipsw,
                                   .product = form->product,
                                   .version = form->new_version,
                                   .build = form->new_build,
                                   .system_bytes = 5 << 20,
                                   .seed = 2 };
    rig_must(sim_pki_make(w->pki, &err) && sim_factory_make(&old_one, &err) && sim_factory_make(&new_one, &err) &&
                 sim_factory_system_hash(w->new_ipsw, w->new_system, &err),
             &err);
}

int rig_world_drop(void)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", rig_world.dir, (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, NULL, 0) == child ? 0 : -1;
}

int rig_set_up(void **state)
{
    char folder[300];
    struct rv_error err = { 0 };
    struct rig *rig = calloc(1, sizeof *rig);
    snprintf(folder, sizeof folder, "%s/phone-%u", rig_world.dir, ++rig_world.serial);
    struct sim_create what = { .state_dir = folder,
                               .product = rig_world.form.product,
                               .ipsw = rig_world.old_ipsw,
                               .trust_root = rig_world.root,
                               .data_bytes = 1 << 20,
                               .seed = 7 };
    rig_must(sim_device_create(&what, &err), &err);
    rig->device = sim_device_open(folder, &err);
    rig_must(rig->device != NULL, &err);
    sim_setting_put(rig->device, "time_scale", "0.0005");
    rig_must(sim_storage_hash(rig->device, "system.img", rig->system_before, &err) &&
                 sim_storage_hash(rig->device, "data.img", rig->data_before, &err),
             &err);
    rig->host.fd = -1;
    *state = rig;
    return 0;
}

int rig_tear_down(void **state)
{
    struct rig *rig = *state;
    host_close(&rig->host);
    sim_device_close(rig->device);
    free(rig);
    return 0;
}

void rig_boot(struct rig *rig, bool erase)
{
    host_open(&rig->host, rig->device, rig_world.pki, rig_world.new_ipsw, erase);
    assert_true(host_boot(&rig->host));
}

void rig_restore(struct rig *rig, bool erase, enum wrong wrong, const char *what)
{
    rig_boot(rig, erase);
    rig->host.wrong = wrong;
    rig->host.what = what;
    host_restore(&rig->host);
}

bool rig_hash_is(struct rig *rig, const char *leaf, const char *hash)
{
    char now[97];
    struct rv_error err = { 0 };
    rig_must(sim_storage_hash(rig->device, leaf, now, &err), &err);
    return strcmp(now, hash) == 0;
}

void rig_assert_failed(struct rig *rig, int64_t status, const char *log_word)
{
    assert_true(rig->host.ended);
    assert_int_equal(rig->host.status, status);
    assert_non_null(rig->host.log);
    assert_non_null(strstr(rig->host.log, "CHECKPOINT FAILURE:(FAILURE:"));
    if (strstr(rig->host.log, log_word) == NULL)
        fail_msg("no \"%s\" in the log:\n%s", log_word, rig->host.log);
    assert_true(wait_for_mode(rig->device, SIM_RECOVERY, RIG_SETTLE_MS));
    assert_true(rig_hash_is(rig, "data.img", rig->data_before));
}

void rig_assert_given_up(struct rig *rig)
{
    assert_false(rig->host.ended);
    assert_true(wait_for_mode(rig->device, SIM_RECOVERY, RIG_SETTLE_MS));
    assert_true(rig_hash_is(rig, "data.img", rig->data_before));
}

void rig_assert_done(struct rig *rig)
{
    char version[32], build[32];
    if (!rig->host.ended || rig->host.status != 0)
        fail_msg("status %lld after %s\n%s", (long long)rig->host.status, rig->host.requests,
                 rig->host.log != NULL ? rig->host.log : "");
    assert_true(wait_for_mode(rig->device, SIM_NORMAL, RIG_SETTLE_MS));
    assert_true(rig_hash_is(rig, "system.img", rig_world.new_system));
    sim_installed(rig->device, version, build);
    assert_string_equal(version, rig_world.form.new_version);
    assert_string_equal(build, rig_world.form.new_build);
}

void rig_fault(struct rig *rig, const char *name, const char *value)
{
    char key[64];
    snprintf(key, sizeof key, "fault.%s", name);
    sim_setting_put(rig->device, key, value);
}
