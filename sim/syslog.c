/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.apple.syslog_relay: text as it is written, lines ended by a newline and a NUL; the host says nothing. And
 * com.apple.crashreportmover: gathers the reports into the folder that crashreportcopymobile shows, then says "ping".
 * Sources: libimobiledevice 1.3.0 src/syslog_relay.c, tools/idevicecrashreport.c.
 */
#include "base/file.h"
#include "sim/service_list.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { EVERY_MS = 50, LINES_FIRST = 8 };

/* What a phone says that nobody touches; the sixth is longer than a host's first guess, the seventh not only ASCII. */
static const char *const said[] = {
    "kernel[0] <Notice>: AppleBCMWLANCore: link is up",
    "SpringBoard(BaseBoard)[58] <Notice>: scene did become active",
    "lockdownd[64] <Notice>: spawn_xpc_session: started a session",
    "mediaserverd(CoreAudio)[31] <Error>: the route changed while it was asked for",
    "backupd[122] <Notice>: the last backup is too long ago",
    "kernel[0] <Debug>: apfs_log_op_with_proc: "
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "Notes[211] <Notice>: saved \"Caf\xc3\xa9 \xe2\x80\x94 \xc3\xa0 la carte\"",
};

static bool write_line(struct sim_wire *wire, size_t number)
{
    char line[1024], when[32];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(when, sizeof when, "%b %e %H:%M:%S", &local);
    int len = snprintf(line, sizeof line - 1, "%s iPhone %s\n", when, said[number % RV_COUNT(said)]);
    line[len] = '\0';
    return sim_wire_write(wire, rv_span((const uint8_t *)line, (size_t)len + 1));
}

void sim_syslog_serve(struct sim_device *device, struct sim_wire *wire)
{
    sim_record(device, "syslog", "a host listens");
    for (size_t number = 0; write_line(wire, number); number++)
        /* A host has nothing to say here: something to read is its farewell. */
        if (number >= LINES_FIRST && sim_wire_waits(wire, EVERY_MS))
            return;
}

/* ---- crash reports ---- */

static const struct {
    const char *name, *text;
} reports[] = {
    { "JetsamEvent-2026-11-20-081502.ips", "{\"bug_type\":\"298\",\"timestamp\":\"2026-11-20 08:15:02.00 +0100\"}\n" },
    { "Retired/SpringBoard-2026-11-19-221440.ips", "{\"app_name\":\"SpringBoard\",\"bug_type\":\"309\"}\n" },
    { "panic-full-2026-11-21-070000.ips", "{\"bug_type\":\"210\",\"product\":\"iPhone10,6\"}\n"
                                          "panic(cpu 0): userspace watchdog timeout: no successful checkins\n" },
};

void sim_crash_mover_serve(struct sim_device *device, struct sim_wire *wire)
{
    char path[700];
    struct rv_error err = { 0 };
    snprintf(path, sizeof path, "%s/crashes/Retired", sim_state_dir(device));
    bool made = rv_dir_make(path, &err);
    for (size_t i = 0; made && i < RV_COUNT(reports); i++) {
        snprintf(path, sizeof path, "%s/crashes/%s", sim_state_dir(device), reports[i].name);
        made =
            rv_file_exists(path) ||
            rv_file_write_atomic(path, rv_span((const uint8_t *)reports[i].text, strlen(reports[i].text)), 0600, &err);
    }
    sim_record(device, "crashes", "the reports are gathered");
    (void)sim_wire_write(wire, rv_span((const uint8_t *)"ping", 5));
}
