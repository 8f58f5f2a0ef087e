/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at this computer: what keeps it from seeing a device, from opening it, or from reaching Apple's servers.
 * Each check is one row and one function, and looks only; what mends a trouble is told as a command.
 */
#pragma once

#include "base/ctx.h"

#include <stddef.h>

enum rv_health { RV_HEALTH_FINE, RV_HEALTH_NOTE, RV_HEALTH_TROUBLE, RV_HEALTH_UNKNOWN };
const char *rv_health_name(enum rv_health health); /* "fine": JSON */

/* What revive can mend itself, once a person has agreed. */
enum rv_fix { RV_FIX_NONE, RV_FIX_START_USBMUXD, RV_FIX_UDEV_RULE };

struct rv_finding {
    enum rv_health health;
    char words[400]; /* what was seen */
    char mend[300];  /* the exact command, or what to do by hand; "" nothing */
    enum rv_fix fix;
};

struct rv_doctor {
    struct rv_ctx *ctx;
    const char *root; /* "" but for tests */
    bool offline;     /* ask no server */
};

struct rv_doctor_check {
    const char *id, *title;
    void (*look)(struct rv_doctor *doctor, struct rv_finding *out);
    bool online; /* asks a server */
};
extern const struct rv_doctor_check rv_doctor_checks[];
extern const size_t rv_doctor_check_count;

/** One check; a finding that was not made is RV_HEALTH_UNKNOWN with its reason. */
void rv_doctor_look(struct rv_doctor *doctor, const struct rv_doctor_check *check, struct rv_finding *out);

/* What the files of this room share. */
void rv_found(struct rv_finding *out, enum rv_health health, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void rv_mend(struct rv_finding *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Calls line(context, text, number) for each line of a file below the root, until it returns false; false: no file. */
bool rv_doctor_lines(struct rv_doctor *doctor, const char *path,
                     bool (*line)(void *context, const char *text, unsigned number), void *context);

/* checkup_usb.c, checkup_net.c */
void rv_look_usbmuxd(struct rv_doctor *doctor, struct rv_finding *out);
void rv_look_udev_rules(struct rv_doctor *doctor, struct rv_finding *out);
void rv_look_usb_rights(struct rv_doctor *doctor, struct rv_finding *out);
void rv_look_other_programs(struct rv_doctor *doctor, struct rv_finding *out);
void rv_look_cable(struct rv_doctor *doctor, struct rv_finding *out);
void rv_look_hosts_file(struct rv_doctor *doctor, struct rv_finding *out);
void rv_look_proxy(struct rv_doctor *doctor, struct rv_finding *out);
void rv_look_clock(struct rv_doctor *doctor, struct rv_finding *out);
void rv_look_signing_server(struct rv_doctor *doctor, struct rv_finding *out);
void rv_look_activation_server(struct rv_doctor *doctor, struct rv_finding *out);
void rv_look_version_server(struct rv_doctor *doctor, struct rv_finding *out);
void rv_look_download_server(struct rv_doctor *doctor, struct rv_finding *out);
