/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Erase of a model, written down as a transcript: what the device asks and tells, one line each. Which one is
 * told by the environment: REVIVE_PLAY_PRODUCT, _VERSION, _UPDATERS, and where to: REVIVE_PLAY_OUT. Without them an
 * iPhone10,6 at 11.2 is played and nothing is written.
 */
#include "restore_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *word(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL && *value != 0 ? value : otherwise;
}

static int make(void **state)
{
    const char *version = word("REVIVE_PLAY_VERSION", "11.2");
    const struct rig_form form = { word("REVIVE_PLAY_PRODUCT", "iPhone10,6"), version, "1A1", version, "1A2" };
    (void)state;
    rig_world_make(&form);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    return rig_world_drop();
}

static void a_whole_erase_is_played(void **state)
{
    struct rig *rig = *state;
    const char *out = getenv("REVIVE_PLAY_OUT");
    sim_setting_put(rig->device, "updaters", word("REVIVE_PLAY_UPDATERS", ""));
    rig_boot(rig, true);
    rig->host.record = out != NULL ? fopen(out, "w") : NULL;
    host_restore(&rig->host);
    if (rig->host.record != NULL)
        fclose(rig->host.record);
    rig->host.record = NULL;
    rig_assert_done(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(a_whole_erase_is_played, rig_set_up,
                                                                        rig_tear_down) };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("sim/play", tests, make, drop);
}
