/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: each word does what it says, and hostile lines do nothing. */
#include "support/test.h"

#include "sim/model.h"
#include "sim/services.h"
#include "sim/world.h"

#include <sys/socket.h>
#include <sys/un.h>

static struct world world;
static char path[128];

static int set_up(void **state)
{
    struct rv_error err = { 0 };
    (void)state;
    world_init(&world, NULL);
    snprintf(path, sizeof path, "%s/ctl", world.dir);
    struct sim_device *devices[] = { world.device };
    assert_fine(sim_control_start(devices, 1, path, &err));
    sim_device_start(world.device, SIM_NORMAL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_clear(&world);
    return 0;
}

static int dial(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = 20 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(name.sun_path, path, strlen(path) + 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

/* One line out, one line in. */
static const char *say(const char *line)
{
    static char answer[8192];
    size_t at = 0;
    RV_AUTO_FD fd = dial();
    assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
    assert_int_equal(send(fd, "\n", 1, MSG_NOSIGNAL), 1);
    while (at + 1 < sizeof answer && memchr(answer, '\n', at) == NULL) {
        ssize_t got = recv(fd, answer + at, sizeof answer - 1 - at, 0);
        if (got <= 0)
            break;
        at += (size_t)got;
    }
    answer[at] = 0;
    return answer;
}

#define assert_ok(line)      assert_memory_equal(say(line), "{\"ok\":true", 10)
#define assert_refused(line) assert_memory_equal(say(line), "{\"ok\":false,\"error\":\"", 21)

static void the_state_is_told(void **state)
{
    (void)state;
    const char *answer = say("state");
    assert_non_null(strstr(answer, "\"mode\":\"normal\""));
    assert_non_null(strstr(answer, "\"ecid\":\"0x000A1B2C3D4E5F26\""));
    assert_non_null(strstr(answer, "\"version\":\"11.2\",\"build\":\"15C114\""));
}

static void settings_are_set_and_got(void **state)
{
    char value[64];
    (void)state;
    assert_ok("set device_name My \"own\" phone");
    assert_true(sim_setting(world.device, "device_name", value, sizeof value));
    assert_string_equal(value, "My \"own\" phone");
    assert_non_null(strstr(say("get device_name"), "\"value\":\"My \\\"own\\\" phone\""));
    assert_non_null(strstr(say("settings"), "\"device_name\":\"My \\\"own\\\" phone\""));
    assert_ok("set device_name");
    assert_refused("get device_name");
}

static void hands_and_world(void **state)
{
    char value[64];
    (void)state;
    assert_ok("lock");
    assert_true(sim_setting(world.device, "locked", value, sizeof value));
    assert_string_equal(value, "yes");
    assert_ok("unlock");
    assert_ok("trust yes");
    assert_refused("trust perhaps");
    assert_ok("battery 3");
    assert_refused("battery 101");
    assert_refused("battery -1");
    assert_ok("battery 80");
    assert_ok("unplug");
    assert_non_null(strstr(say("state"), "\"mode\":\"off\""));
    assert_ok("plug");
    assert_ok("await normal 10");
    assert_refused("await restore 0");
}

static void damage_is_what_the_hash_and_the_next_boot_show(void **state)
{
    char before[300];
    (void)state;
    snprintf(before, sizeof before, "%s", say("hash system"));
    assert_ok("hash data");
    assert_refused("hash everything");
    assert_ok("damage system");
    assert_string_not_equal(before, say("hash system"));
    assert_ok("reboot");
    assert_ok("await recovery 10");
    assert_refused("damage the mirror");
    assert_ok("damage system"); /* the same bytes again: whole */
    assert_ok("mode normal");
    assert_ok("await normal 10");
}

static void modes_and_power(void **state)
{
    (void)state;
    assert_ok("mode dfu");
    assert_non_null(strstr(say("state"), "\"mode\":\"dfu\""));
    assert_refused("mode restore");
    assert_ok("power off");
    assert_ok("await off 10");
    assert_ok("power on");
    assert_ok("await normal 10");
    assert_refused("power up");
}

static void fingers_on_the_buttons_do_what_they_do_on_a_phone(void **state)
{
    (void)state;
    assert_refused("press nose");
    assert_refused("tap up never");
    assert_ok("set time_scale 0.1");
    assert_ok("mode normal");
    assert_non_null(strstr(say("state"), "\"screen\":\"home\""));
    for (int tries = 0; tries < 5 && strstr(say("state"), "\"mode\":\"normal\"") != NULL; tries++) {
        assert_ok("tap up 200");
        assert_ok("tap down 200");
        assert_ok("press side");
        (void)say("await off 2"); /* taps that came too slowly on a busy computer: once more */
        if (strstr(say("state"), "\"mode\":\"normal\"") != NULL)
            assert_ok("release side");
    }
    assert_ok("await recovery 20");
    assert_ok("release side");
    assert_true(world_recorded(&world, "held past the logo: Recovery"));
    assert_non_null(strstr(say("state"), "\"screen\":\"cable\""));
    assert_ok("set time_scale 0.01");
    assert_ok("mode normal");
    assert_ok("await normal 10");
}

static void devices_are_chosen_by_number(void **state)
{
    (void)state;
    assert_ok("device 1 state");
    assert_refused("device 2 state");
    assert_refused("device 0 state");
    assert_refused("device");
    assert_refused("device x");
}

static void hostile_lines_do_nothing(void **state)
{
    static char long_line[5000];
    (void)state;
    memset(long_line, 'a', sizeof long_line - 1);
    assert_refused(long_line);
    assert_refused("set");
    assert_refused("stat");
    assert_refused("\x01\xff\"\\");
    assert_refused("get ../../etc/passwd");
    RV_AUTO_FD fd = dial();
    assert_int_equal(send(fd, "\0\0\0\n\n\n", 6, MSG_NOSIGNAL), 6);
    close(fd);
    fd = -1;
    assert_ok("state");
    assert_ok("help");
}

static void a_second_listener_on_the_same_path_is_refused(void **state)
{
    struct rv_error err = { 0 };
    struct sim_device *devices[] = { world.device };
    (void)state;
    assert_false(sim_control_start(devices, 1, path, &err));
    assert_int_equal(err.code, RV_E_BUSY);
    assert_false(sim_control_start(devices, 0, path, &(struct rv_error){ 0 }));
    assert_false(sim_usbip_start(devices, 1, "nowhere", &(struct rv_error){ 0 }));
    assert_false(sim_usbip_start(devices, 1, "127.0.0.1:70000", &(struct rv_error){ 0 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_told),
        cmocka_unit_test(settings_are_set_and_got),
        cmocka_unit_test(hands_and_world),
        cmocka_unit_test(damage_is_what_the_hash_and_the_next_boot_show),
        cmocka_unit_test(fingers_on_the_buttons_do_what_they_do_on_a_phone),
        cmocka_unit_test(modes_and_power),
        cmocka_unit_test(devices_are_chosen_by_number),
        cmocka_unit_test(hostile_lines_do_nothing),
        cmocka_unit_test(a_second_listener_on_the_same_path_is_refused),
    };
    return cmocka_run_group_tests_name("sim/control", tests, set_up, tear_down);
}
