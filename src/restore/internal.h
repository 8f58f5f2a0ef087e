/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: one running job, its steps, its journal. */
#pragma once

#include "data/restore_words.h"
#include "restore/restore.h"

#include <pthread.h>

enum {
    RV_STEP_NO_CANCEL = 1 << 0, /* a first Ctrl-C is noted, told, and obeyed later */
    RV_STEP_ERASES = 1 << 1,
    RV_STEP_RETRY = 1 << 2,   /* harmless to do again in the same mode */
    RV_STEP_TOUCHES = 1 << 3, /* from here on the device is not what it was */
    RV_STEP_DOOR = 1 << 4,    /* a way in: where it does not open, there may be another */
    RV_STEP_FRESH = 1 << 5,   /* needs nothing that was sent before: a device that has just started anew will do */
};

struct rv_restore;
typedef bool rv_step_fn(struct rv_restore *r, struct rv_error *err);

struct rv_step {
    const char *name;  /* stable: journal, events and tests name it */
    const char *words; /* for people */
    rv_step_fn *run;
    enum rv_mode needs, leaves; /* mode before and after; the runner checks */
    uint16_t weight;            /* share of the bar */
    uint16_t flags;
};

struct rv_plan {
    const struct rv_step *steps;
    size_t count;
};
/** After an installation that ended well, but was not seen to its end (a killed program, a pulled cable). */
struct rv_plan rv_plan_finish(void);
/** The plan for a device found in `from`; count 0: there is none. */
struct rv_plan rv_plan_for(enum rv_mode from, enum rv_behavior behavior);

struct rv_journal; /* journal.c */

/* One job. Everything is owned by the thread that runs it. */
struct rv_restore {
    struct rv_ctx *ctx;
    struct rv_fleet *fleet;
    const struct rv_restore_options *options;
    struct rv_restore_result *result;
    struct rv_device device; /* as last seen */
    struct rv_ipsw *ipsw;
    plist_t identity; /* borrowed from ipsw */
    struct rv_ticket *ticket;
    uint8_t signed_nonce[RV_NONCE_MAX]; /* the ApNonce that the ticket was asked for */
    uint8_t signed_sep_nonce[RV_NONCE_MAX];
    size_t signed_nonce_len, signed_sep_nonce_len;
    bool has_stash_bag;   /* Normal mode: the key of the user volume can be put aside */
    plist_t modem_state;  /* Normal mode: FirmwarePreflightInfo, or NULL; owned */
    unsigned doors_tried; /* mode bits that the person was asked to put the device into */
    bool moved;           /* it came back in another mode while nothing had been sent: its plan begins again there */
    unsigned moves;       /* how often it did */
    struct rv_usb *usb;   /* kept open while the device stays in one enumeration */
    struct rv_journal *journal;
    const struct rv_step *step;                   /* now running */
    double percent_base, percent_weight, percent; /* of the running step, and as told */
    bool touched;                                 /* the device is no longer what it was: a break is UNFINISHED */
    bool finished;                                /* restored ended with status 0 */
    struct rv_awake *awake;                       /* keeps this computer from sleeping; NULL: nothing does */
};

/** Tells done/total inside the running step; the overall percentage never goes back. */
void rv_restore_progress(struct rv_restore *r, uint64_t done, uint64_t total, const char *unit, const char *text);
/** The open USB handle of the present enumeration (opened when needed). Borrowed. */
struct rv_usb *rv_restore_usb(struct rv_restore *r, struct rv_error *err);
void rv_restore_usb_close(struct rv_restore *r);
void rv_restore_target(const struct rv_restore *r, struct rv_target *out);
/** Fetches or loads the ticket for the device's present nonce and verifies it. */
bool rv_restore_sign(struct rv_restore *r, struct rv_error *err);

/* stake.c: whose device it is, and will the power last. */
void rv_stake_read(struct rv_restore *r, struct rv_stake *out);
void rv_stake_tell(struct rv_restore *r, const struct rv_stake *stake);
/** Refuses what must not be begun; before an erase with Find My on, asks. */
bool rv_stake_check(struct rv_restore *r, const struct rv_stake *stake, struct rv_error *err);

/* guard.c: the never-erase rule. Both are asked: when the identity is chosen and right before anything of it is sent.
 */
plist_t rv_guard_choose(const struct rv_ipsw *ipsw, const struct rv_target *target, enum rv_behavior behavior,
                        struct rv_error *err);
bool rv_guard_identity(plist_t identity, enum rv_behavior behavior, struct rv_error *err);
bool rv_guard_ticket(struct rv_ctx *ctx, const struct rv_ticket *ticket, plist_t identity,
                     const struct rv_target *target, enum rv_trust *trust, struct rv_error *err);

/* steps */
rv_step_fn rv_step_preflight, rv_step_sign_early, rv_step_stash_bag, rv_step_enter_recovery, rv_step_sign,
    rv_step_send_ibss, rv_step_send_ibec, rv_step_prepare, rv_step_send_logo, rv_step_send_firmware,
    rv_step_send_ramdisk, rv_step_send_device_tree, rv_step_send_sep, rv_step_boot_kernel, rv_step_await_restore,
    rv_step_leave_restore, rv_step_install, rv_step_finish;

/**
 * doors.c: the way in that `err` shut is to be replaced by the person's own hands, if she agrees. True: the device
 * is in Recovery or DFU mode now (r->device), and err is cleared. False: err stays as it was, or says what came.
 */
bool rv_door_next(struct rv_restore *r, struct rv_error *err);

/** Puts a device that was prepared, but not yet booted into the ramdisk, back: auto-boot true, restart. */
bool rv_restore_undo(struct rv_restore *r, struct rv_error *err);

/* journal.c */
struct rv_journal_start {
    const char *ipsw_path, *ticket_path;
    enum rv_behavior behavior;
    uint64_t ecid;
    enum rv_mode started_in;
};
/** Takes the lock of this device (BUSY) and reads what an earlier run left. Nothing is written yet. */
struct rv_journal *rv_journal_open(struct rv_ctx *ctx, uint64_t ecid, struct rv_error *err);
/** Writes the first record; false leaves no half file. */
bool rv_journal_begin(struct rv_journal *journal, const struct rv_journal_start *start, struct rv_error *err);
bool rv_journal_step(struct rv_journal *journal, const char *step, struct rv_error *err);
bool rv_journal_note(struct rv_journal *journal, const char *why, struct rv_error *err);
bool rv_journal_end(struct rv_journal *journal, const char *state, const char *why, struct rv_error *err);
/** Keeps the ticket beside the journal, for diagnosis, and whose it is. */
bool rv_journal_ticket(struct rv_journal *journal, struct rv_span im4m, bool not_apple, struct rv_error *err);
const struct rv_job *rv_journal_job(const struct rv_journal *journal);
bool rv_journal_unfinished(const struct rv_journal *journal); /* an earlier run had begun and did not end */
bool rv_journal_begun(const struct rv_journal *journal);      /* this run has written its record */
void rv_journal_free(struct rv_journal *journal);
RV_DEFINE_AUTO(rv_journal)

/* where.c: the numbers that iTunes makes of modes and of USB's own results */
enum {
    RV_MODES_ALL = RV_MODE_BIT(RV_MODE_NORMAL) | RV_MODE_BIT(RV_MODE_RECOVERY) | RV_MODE_BIT(RV_MODE_DFU) |
                   RV_MODE_BIT(RV_MODE_RESTORE) | RV_MODE_BIT(RV_MODE_PORT_DFU) | RV_MODE_BIT(RV_MODE_KIS),
};
int32_t rv_number_of_mode(enum rv_mode found); /* instead of the expected one; NONE: it did not come back */
int32_t rv_number_of_usb(enum rv_code code);   /* 0: none */
/** Where the device is (NULL: at once), or shows itself anew within a time after it was `previous`. */
enum rv_mode rv_restore_where(struct rv_restore *r, const struct rv_device *previous, uint32_t within_ms);
/**
 * Waits until the device has left where r->device was and shows one of `wanted`; r->device is what was seen. One of
 * `wrong` ends the wait at once (REFUSED). Errors of either kind carry the number.
 */
bool rv_restore_await(struct rv_restore *r, unsigned wanted, unsigned wrong, uint32_t timeout_ms, struct rv_error *err);
/** The connection to restored broke: looks where the device turns up, and puts words and number to the error. */
void rv_restore_lost(struct rv_restore *r, struct rv_error *err);

/* words.c: numbers of a device in Restore mode in words */
/** Fails with words, advice and number for a final status; `log` (may be NULL) is the device's own text. */
bool rv_status_fail(int64_t status, const char *log, const char *checkpoint, struct rv_error *err);
/** The deepest "[n]D(…)" of a restored log, or "". */
void rv_status_cause(const char *log, char *out, size_t out_size);
