/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: what a person's hands, the world and time do to the device. One line in, one JSON line out. */
#include "sim/model.h"

#include "base/mem.h"
#include "base/text.h"
#include "sim/json.h"
#include "sim/serve.h"
#include "sim/service_list.h"
#include "sim/services.h"
#include "sim/user_files.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, ANSWER_MAX = 8192, DEVICES_MAX = 64 };

struct server {
    struct sim_device *devices[DEVICES_MAX];
    size_t count;
};

struct talk {
    struct sim_device *device;
    const char *rest; /* after the command's words */
    char answer[ANSWER_MAX];
};

typedef void command_fn(struct talk *talk);

static void refuse(struct talk *talk, const char *why)
{
    char text[900];
    sim_json_text(why, text, sizeof text);
    snprintf(talk->answer, sizeof talk->answer, "{\"ok\":false,\"error\":\"%s\"}", text);
}

static void agree(struct talk *talk)
{
    snprintf(talk->answer, sizeof talk->answer, "{\"ok\":true}");
}

static void answer_text(struct talk *talk, const char *name, const char *value)
{
    char text[1200];
    sim_json_text(value, text, sizeof text);
    snprintf(talk->answer, sizeof talk->answer, "{\"ok\":true,\"%s\":\"%s\"}", name, text);
}

static const char *const mode_words[] = { "off", "normal", "recovery", "dfu", "restore" };

static bool mode_of(const char *word, enum sim_mode *out)
{
    for (size_t i = 0; i < RV_COUNT(mode_words); i++) {
        if (strcmp(mode_words[i], word) == 0) {
            *out = (enum sim_mode)i;
            return true;
        }
    }
    return false;
}

static void do_state(struct talk *talk)
{
    struct sim_identity id;
    char version[32], build[32], auto_boot[16] = "true", battery[16] = "80", nonce[2 * SIM_NONCE_MAX + 1];
    unsigned generation;
    enum sim_mode mode = sim_device_mode(talk->device, &generation);
    sim_lock(talk->device);
    const char *screen = sim_hands_screen_locked(talk->device);
    sim_unlock(talk->device);
    sim_device_identity(talk->device, &id);
    sim_installed(talk->device, version, build);
    sim_nvram_get(talk->device, "auto-boot", auto_boot, sizeof auto_boot);
    sim_setting(talk->device, "battery", battery, sizeof battery);
    rv_text_hex(rv_span(id.ap_nonce, id.ap_nonce_len), nonce, sizeof nonce);
    snprintf(talk->answer, sizeof talk->answer,
             "{\"ok\":true,\"mode\":\"%s\",\"screen\":\"%s\",\"address\":%u,\"ecid\":\"0x%016" PRIX64
             "\",\"udid\":\"%s\",\"serial\":\"%s\",\"product\":\"%s\",\"version\":\"%s\",\"build\":\"%s\","
             "\"auto_boot\":\"%s\",\"battery\":\"%s\",\"nonce\":\"%s\"}",
             mode_words[mode], screen, generation, id.ecid, id.udid, id.serial, id.product, version, build, auto_boot,
             battery, nonce);
}

static void do_settings(struct talk *talk)
{
    size_t at = (size_t)snprintf(talk->answer, sizeof talk->answer, "{\"ok\":true,\"settings\":{");
    const char *comma = "";
    sim_lock(talk->device);
    plist_dict_iter it = NULL;
    plist_dict_new_iter(talk->device->settings, &it);
    for (;;) {
        char *name = NULL, key[200], value[500] = "", text[1200];
        plist_t node = NULL;
        plist_dict_next_item(talk->device->settings, it, &name, &node);
        if (name == NULL)
            break;
        sim_json_text(name, key, sizeof key);
        sim_dict_text(talk->device->settings, name, value, sizeof value);
        sim_json_text(value, text, sizeof text);
        free(name);
        if (at + strlen(key) + strlen(text) + 16 > sizeof talk->answer)
            break;
        at += (size_t)snprintf(talk->answer + at, sizeof talk->answer - at, "%s\"%s\":\"%s\"", comma, key, text);
        comma = ",";
    }
    free(it);
    sim_unlock(talk->device);
    snprintf(talk->answer + at, sizeof talk->answer - at, "}}");
}

static void do_set(struct talk *talk)
{
    char name[64];
    size_t len = strcspn(talk->rest, " ");
    if (len == 0 || len >= sizeof name) {
        refuse(talk, "set NAME VALUE (no VALUE: forget it)");
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)len, talk->rest);
    sim_setting_put(talk->device, name, talk->rest[len] == ' ' ? talk->rest + len + 1 : "");
    agree(talk);
}

static void do_get(struct talk *talk)
{
    char value[500];
    if (sim_setting(talk->device, talk->rest, value, sizeof value) ||
        sim_nvram_get(talk->device, talk->rest, value, sizeof value))
        answer_text(talk, "value", value);
    else
        refuse(talk, "no such setting or variable");
}

static void do_unplug(struct talk *talk)
{
    sim_device_unplug(talk->device);
    agree(talk);
}

static void do_plug(struct talk *talk)
{
    sim_device_plug(talk->device);
    agree(talk);
}

static void do_reboot(struct talk *talk)
{
    sim_device_reboot(talk->device, "forced by hand");
    agree(talk);
}

static void move_button(struct talk *talk, const char *word, bool down)
{
    enum sim_button button;
    if (!sim_button_of(word, &button))
        refuse(talk, "a button is power (side, top), home, up (near) or down (far)");
    else if (!sim_hands_move(talk->device, button, down))
        refuse(talk, "this device has no buttons");
    else
        agree(talk);
}

static void do_press(struct talk *talk)
{
    move_button(talk, talk->rest, true);
}

static void do_release(struct talk *talk)
{
    move_button(talk, talk->rest, false);
}

/* As long as a person's tap, in the device's time. */
static void do_tap(struct talk *talk)
{
    char word[16];
    uint64_t ms = 200;
    size_t len = strcspn(talk->rest, " ");
    snprintf(word, sizeof word, "%.*s", (int)len, talk->rest);
    if (talk->rest[len] == ' ' && (!rv_text_number(talk->rest + len + 1, 10, &ms) || ms > 60000)) {
        refuse(talk, "tap BUTTON [MILLISECONDS]");
        return;
    }
    move_button(talk, word, true);
    sim_pause(talk->device, (unsigned)ms);
    move_button(talk, word, false);
}

static void do_power(struct talk *talk)
{
    if (strcmp(talk->rest, "off") == 0) {
        sim_device_shutdown(talk->device);
    } else if (strcmp(talk->rest, "on") == 0) {
        sim_device_start(talk->device, SIM_NORMAL);
    } else {
        refuse(talk, "power on|off");
        return;
    }
    agree(talk);
}

static void do_mode(struct talk *talk)
{
    enum sim_mode mode;
    if (!mode_of(talk->rest, &mode) || mode == SIM_RESTORE) {
        refuse(talk, "mode normal|recovery|dfu|off");
        return;
    }
    sim_device_start(talk->device, mode);
    agree(talk);
}

static void do_damage(struct talk *talk)
{
    static const struct {
        const char *word, *leaf;
    } parts[] = {
        { "system", "system.img" },     { "data", "data.img" },       { "kernelcache", "flash/krnl.img4" },
        { "iboot", "flash/ibot.img4" }, { "llb", "flash/illb.img4" },
    };
    struct rv_error err = { 0 };
    if (strcmp(talk->rest, "update") == 0) { /* an update that was broken off half way */
        sim_install_begin(talk->device);
        if (sim_storage_damage(talk->device, "system.img", &err))
            agree(talk);
        else
            refuse(talk, err.text[0]);
        return;
    }
    for (size_t i = 0; i < RV_COUNT(parts); i++) {
        if (strcmp(parts[i].word, talk->rest) != 0)
            continue;
        if (sim_storage_damage(talk->device, parts[i].leaf, &err))
            agree(talk);
        else
            refuse(talk, err.text[0]);
        return;
    }
    refuse(talk, "damage system|data|kernelcache|iboot|llb|update");
}

static void do_lock(struct talk *talk)
{
    sim_setting_put(talk->device, "locked", "yes");
    agree(talk);
}

static void do_unlock(struct talk *talk)
{
    sim_setting_put(talk->device, "locked", "no");
    agree(talk);
}

static void do_trust(struct talk *talk)
{
    if (strcmp(talk->rest, "yes") != 0 && strcmp(talk->rest, "no") != 0 && strcmp(talk->rest, "ask") != 0) {
        refuse(talk, "trust yes|no|ask");
        return;
    }
    sim_setting_put(talk->device, "trust", talk->rest);
    agree(talk);
}

static void do_battery(struct talk *talk)
{
    uint64_t level;
    if (!rv_text_number(talk->rest, 10, &level) || level > 100) {
        refuse(talk, "battery 0..100");
        return;
    }
    sim_setting_put(talk->device, "battery", talk->rest);
    agree(talk);
}

static void do_hash(struct talk *talk)
{
    char hash[97];
    struct rv_error err = { 0 };
    bool system = strcmp(talk->rest, "system") == 0;
    if (!system && strcmp(talk->rest, "data") != 0)
        refuse(talk, "hash system|data");
    else if (sim_storage_hash(talk->device, system ? "system.img" : "data.img", hash, &err))
        answer_text(talk, "hash", hash);
    else
        refuse(talk, err.text[0]);
}

/* Tests wait for a mode here instead of asking again and again. */
static void do_await(struct talk *talk)
{
    char word[16];
    enum sim_mode mode;
    uint64_t seconds = 30, until;
    size_t len = strcspn(talk->rest, " ");
    snprintf(word, sizeof word, "%.*s", (int)len, talk->rest);
    if (!mode_of(word, &mode) || (talk->rest[len] == ' ' && !rv_text_number(talk->rest + len + 1, 10, &seconds))) {
        refuse(talk, "await MODE [SECONDS]");
        return;
    }
    until = sim_now_ms() + seconds * 1000;
    while (sim_device_mode(talk->device, NULL) != mode) {
        if (sim_now_ms() >= until) {
            refuse(talk, "it did not come");
            return;
        }
        (void)poll(NULL, 0, 10);
    }
    agree(talk);
}

/* "cut pull N", "cut hold N", "cut off"; see sim/cut.h. */
static void do_cut(struct talk *talk)
{
    char word[8];
    uint64_t in = 1;
    size_t len = strcspn(talk->rest, " ");
    snprintf(word, sizeof word, "%.*s", (int)len, talk->rest);
    enum sim_cut_kind kind = strcmp(word, "pull") == 0   ? SIM_CUT_PULL
                             : strcmp(word, "hold") == 0 ? SIM_CUT_HOLD
                                                         : SIM_CUT_NONE;
    bool off = strcmp(word, "off") == 0;
    if ((kind == SIM_CUT_NONE && !off) ||
        (!off && (talk->rest[len] != ' ' || !rv_text_number(talk->rest + len + 1, 10, &in) || in == 0))) {
        refuse(talk, "cut pull N | cut hold N | cut off");
        return;
    }
    if (sim_cut_order(talk->device, kind, in))
        agree(talk);
    else
        refuse(talk, "no thread for it");
}

static void do_struck(struct talk *talk)
{
    uint64_t seconds = 30;
    if (talk->rest[0] != 0 && !rv_text_number(talk->rest, 10, &seconds))
        refuse(talk, "struck [SECONDS]");
    else if (sim_cut_wait(talk->device, seconds * 1000))
        agree(talk);
    else
        refuse(talk, "it did not come");
}

static void do_events(struct talk *talk)
{
    snprintf(talk->answer, sizeof talk->answer, "{\"ok\":true,\"events\":%" PRIu64 "}", sim_cut_events(talk->device));
}

static void do_quit(struct talk *talk)
{
    agree(talk);
    kill(getpid(), SIGTERM); /* main() takes it and closes the devices */
}

static void do_user(struct talk *talk)
{
    sim_user_command(talk->device, talk->rest, talk->answer, sizeof talk->answer - 2);
}

/* The person stops the backup or restore at the device. */
static void do_cancel(struct talk *talk)
{
    sim_setting_put(talk->device, "backup_cancelled", "yes");
    sim_notice_post(talk->device, "com.apple.itunes-client.syncCancelRequest");
    agree(talk);
}

static void do_help(struct talk *talk);

static const struct {
    const char *word;
    command_fn *fn;
    const char *use;
} commands[] = {
    { "await", do_await, "await MODE [SECONDS]" },
    { "battery", do_battery, "battery N" },
    { "cancel", do_cancel, "cancel" },
    { "cut", do_cut, "cut pull|hold N, cut off" },
    { "damage", do_damage, "damage system|data|kernelcache|iboot|llb|update" },
    { "events", do_events, "events" },
    { "get", do_get, "get NAME" },
    { "hash", do_hash, "hash system|data" },
    { "help", do_help, "help" },
    { "lock", do_lock, "lock" },
    { "mode", do_mode, "mode normal|recovery|dfu|off" },
    { "plug", do_plug, "plug" },
    { "power", do_power, "power on|off" },
    { "press", do_press, "press BUTTON" },
    { "quit", do_quit, "quit" },
    { "reboot", do_reboot, "reboot" },
    { "release", do_release, "release BUTTON" },
    { "set", do_set, "set NAME VALUE" },
    { "settings", do_settings, "settings" },
    { "state", do_state, "state" },
    { "struck", do_struck, "struck [SECONDS]" },
    { "tap", do_tap, "tap BUTTON [MILLISECONDS]" },
    { "trust", do_trust, "trust yes|no|ask" },
    { "unlock", do_unlock, "unlock" },
    { "unplug", do_unplug, "unplug" },
    { "user", do_user, "user totals|digest|list FILE|hash DOMAIN PATH|put FILE DOMAIN PATH|change N|remove N|wipe" },
};

static void do_help(struct talk *talk)
{
    size_t at = (size_t)snprintf(talk->answer, sizeof talk->answer, "{\"ok\":true,\"commands\":[");
    for (size_t i = 0; i < RV_COUNT(commands); i++)
        at += (size_t)snprintf(talk->answer + at, sizeof talk->answer - at, "%s\"%s\"", i ? "," : "", commands[i].use);
    snprintf(talk->answer + at, sizeof talk->answer - at, "]}");
}

/* "device 2 unplug" speaks to the second; without it to the first. */
static const char *choose_device(const struct server *server, const char *line, struct talk *talk)
{
    uint64_t number;
    char text[24];
    talk->device = server->devices[0];
    if (!rv_text_starts(line, "device "))
        return line;
    line += strlen("device ");
    size_t len = strcspn(line, " ");
    snprintf(text, sizeof text, "%.*s", (int)len, line);
    if (!rv_text_number(text, 10, &number) || number < 1 || number > server->count)
        return NULL;
    talk->device = server->devices[number - 1];
    return line + len + (line[len] == ' ');
}

static void obey(const struct server *server, const char *line, struct talk *talk)
{
    line = choose_device(server, line, talk);
    if (line == NULL) {
        refuse(talk, "no device of that number");
        return;
    }
    size_t len = strcspn(line, " ");
    for (size_t i = 0; i < RV_COUNT(commands); i++) {
        if (strlen(commands[i].word) == len && strncmp(commands[i].word, line, len) == 0) {
            talk->rest = line + len + (line[len] == ' ');
            commands[i].fn(talk);
            return;
        }
    }
    refuse(talk, "unknown command; try help");
}

static void serve(void *context, int fd)
{
    FILE *stream = fdopen(fd, "r");
    char line[LINE_MAX_BYTES];
    if (stream == NULL) {
        close(fd);
        return;
    }
    while (fgets(line, sizeof line, stream) != NULL) {
        struct talk talk = { 0 };
        line[strcspn(line, "\r\n")] = 0;
        if (line[0] == 0)
            continue;
        obey(context, line, &talk);
        size_t len = strlen(talk.answer);
        talk.answer[len++] = '\n'; /* answers are built with room to spare */
        if (send(fd, talk.answer, len, MSG_NOSIGNAL) != (ssize_t)len)
            break;
    }
    fclose(stream);
}

bool sim_control_start(struct sim_device *const *devices, size_t count, const char *path, struct rv_error *err)
{
    char address[256];
    if (count == 0 || count > DEVICES_MAX)
        return rv_fail(err, RV_E_LIMIT, "1 to %d devices, not %zu", DEVICES_MAX, count);
    struct server *server = rv_alloc(sizeof *server);
    if (server == NULL)
        return rv_fail_nomem(err);
    server->count = count;
    memcpy(server->devices, devices, count * sizeof devices[0]);
    bool named = rv_text_starts(path, "UNIX:") || path[0] != '/';
    snprintf(address, sizeof address, "%s%s", named ? "" : "UNIX:", path);
    if (!sim_serve_start(address, serve, server, err)) {
        rv_free(server);
        return rv_while(err, "starting the control socket");
    }
    return true; /* lives as long as the process */
}
