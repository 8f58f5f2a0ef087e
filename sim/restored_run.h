/* SPDX-License-Identifier: Apache-2.0 */
/* Inside restored: one conversation with a host, the table of its steps, and what a step may use. */
#pragma once

#include "sim/device.h"
#include "sim/wire.h"

#include <plist/plist.h>
#include <pthread.h>
#include <stdatomic.h>

/* StatusMsg numbers (AMRestoreErrorDomain; restore protocol notes 2.5). */
enum {
    RESTORED_OK = 0,
    RESTORED_E_BASEBAND = 1,
    RESTORED_E_IMAGE = 14,
    RESTORED_E_MOUNT = 27,
    RESTORED_E_SEP = 51,
    RESTORED_E_FDR = 53,
    RESTORED_E_GENERIC = -1, /* updaters, ticket, flash: the Log names the step */
};

struct restored;
struct restored_step;
/** Does the step's work. False: err holds the chain, err->apple the status when it is not the row's own. */
typedef bool restored_step_fn(struct restored *r, const struct restored_step *step, struct rv_error *err);

/* ON_CHIP: where the model has the coprocessor that `what` names. ON_FIRST, ON_SECOND: in that one of two
 * generations that share a table. */
enum {
    ON_ERASE = 1 << 0,
    ON_UPDATE = 1 << 1,
    ON_BOTH = ON_ERASE | ON_UPDATE,
    ON_HOST_CHECK = 1 << 2,
    ON_CHIP = 1 << 3,
    ON_FIRST = 1 << 4,
    ON_SECOND = 1 << 5,
};
enum {
    OP_PERCENT = 1 << 0, /* progress 0 before and 100 after, not -1 before */
    OP_AFTER = 1 << 1,   /* after the work, not before it */
    OP_VALUE = 1 << 2,   /* progress is the row's value */
    OP_IMAGE = 1 << 3,   /* of the image that comes beside: 0, with its context */
};
enum step_kind {
    STEP_WHOLE, /* begins, works, ends */
    STEP_OPEN,  /* begins; the rows up to its STEP_CLOSE are inside of it */
    STEP_CLOSE, /* ends the one that is open */
    STEP_LINE,  /* an operation or a request inside of the open one */
};

struct restored_step {
    uint16_t checkpoint; /* 0: the host is told nothing of its end */
    const char *name;    /* stable: checkpoints, faults, the record and tests name it */
    uint8_t when;
    uint8_t operation, times, op_flags; /* ProgressMsg before the work, so many times */
    unsigned ms;                        /* device time besides the work [I] */
    int status;                         /* of the StatusMsg when the work fails; of a line: 0 is the open step's */
    restored_step_fn *run;
    const char *what; /* for run: the DataType, updater … */
    enum step_kind kind;
    int8_t progress;
};

/** A name of SupportedDataTypes / SupportedMessageTypes and whether the ramdisk cannot do without it. */
struct restored_need {
    const char *name;
    bool required;
};

struct restored_generation {
    unsigned major_min, major_max;
    unsigned member;                              /* ON_FIRST or ON_SECOND of a shared table */
    unsigned protocol;                            /* RestoreProtocolVersion */
    bool checkpoint_ends;                         /* CHECKPOINT_COMPLETE is sent (14 and later) */
    bool checkpoint_names;                        /* CHECKPOINT_NAME, and begins too (16 and later) */
    enum { DIRT_NONE, DIRT_BIT, DIRT_WORD } dirt; /* of the upper half of CHECKPOINT_ID: public clients mask it */
    bool fud_lists;                               /* FUDData by list and name (13 and later), not whole */
    bool fud_percent;                             /* and its operation in percent (18 and later) */
    bool identity_dict;                           /* BuildIdentityDict and files before an updater (16 and later) */
    bool verification;                            /* tells of the image's verification in percent (16 and later) */
    bool receipts;                                /* ReceiptManifest before an updater (18 and later) */
    bool device_generated;                        /* FirmwareUpdaterData carries the request (18 and later) */
    bool async;                                   /* the image comes beside the other steps (18 and later) */
    const struct restored_step *steps;
    size_t step_count;
    const struct restored_step *cleanup; /* after a failure */
    size_t cleanup_count;
    const struct restored_need *data_needs, *message_needs; /* NULL: the ramdisk does not compare */
    size_t data_need_count, message_need_count;
};
/* One file a generation: what its transcripts show. */
extern const struct restored_generation sim_restored_11, sim_restored_12, sim_restored_13, sim_restored_14,
    sim_restored_16, sim_restored_18, sim_restored_26;
/** The row for a firmware version ("11.2"); the nearest one when none covers it. */
const struct restored_generation *restored_generation_for(const char *version);
/** The comparison of announced names (from 16 on), for the setting "restored.host_check". */
const struct restored_generation *restored_host_check(void);

struct restored_image {
    char tag[5];
    struct rv_blob *bytes;
};
enum { RESTORED_IMAGES_MAX = 64, RESTORED_OPEN_MAX = 8 };

struct restored {
    struct sim_device *device;
    struct sim_wire wire;
    const struct sim_boot *boot;
    struct sim_identity identity;
    const struct restored_generation *generation;
    const struct restored_generation *host_check; /* whose needs are compared; NULL: this ramdisk does not compare */
    bool skip_write;                              /* setting "skip_write": a ramdisk that only says that it wrote */
    plist_t options;                              /* RestoreOptions; borrowed from the request */
    struct rv_buf log;
    atomic_bool lost;          /* the host is gone or silent: nothing can be told to it any more */
    atomic_bool ending;        /* the run is over: what runs beside it must end too */
    pthread_mutex_t lock;      /* the control connection's sending side, and the log */
    uint32_t device_word;      /* makes contexts of one device alike */
    plist_t manifest;          /* of the firmware, as the host told it last */
    struct sim_asr_run *image; /* the image that comes beside the other steps */
    bool rebooting;            /* a fault took the device away */
    int status;
    const struct restored_step *now;
    const struct restored_step *open[RESTORED_OPEN_MAX]; /* checkpoints that have begun and not ended */
    size_t open_count;
    struct restored_image flash[RESTORED_IMAGES_MAX]; /* boot images received by load_sep_os, flashed later */
    size_t flash_count;
};

/** Drives the device through the generation's table until the final status; the device has then left Restore mode. */
void restored_drive(struct restored *r);

/* ---- the conversation ---- */
bool restored_send(struct restored *r, plist_t take_message, struct rv_error *err);
/** A message of this MsgType, the caller's. */
plist_t restored_message(const char *type);
/** The next message that is an answer; messages of the host with a MsgType are noted and skipped. NULL: lost. */
plist_t restored_receive(struct restored *r, struct rv_error *err);
/** DataRequestMsg of this type; take_arguments may be NULL. */
bool restored_ask(struct restored *r, const char *type, plist_t take_arguments, struct rv_error *err);
/** Ask, and the answer. */
plist_t restored_fetch(struct restored *r, const char *type, plist_t take_arguments, struct rv_error *err);
bool restored_progress(struct restored *r, unsigned operation, int progress, struct rv_error *err);
/** One line of the device log. */
void restored_log(struct restored *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Milliseconds (wall clock) that the device waits for the host. */
int restored_patience_ms(struct restored *r);
/** The lie that the setting fault.restored.lie orders at this step; true when there is none, or it was overlooked. */
bool restored_lie(struct restored *r, const char *step, struct rv_error *err);
/** The setting fault.NAME strikes now (as fault.c counts); its value to out. */
bool sim_fault_take(struct sim_device *device, const char *name, char *out, size_t out_size);
/** fault.NAME names this point ("POINT", "POINT:NUMBER", with " x1" behind it for once only), and strikes. */
bool sim_fault_at(struct sim_device *device, const char *name, const char *point);

/* ---- what steps do: restored_asks.c ---- */
restored_step_fn restored_check_protocol, restored_check_host, restored_load_sep, restored_check_ticket, restored_fdr,
    restored_check_data, restored_wipe, restored_system_image, restored_install_image, restored_flash,
    restored_previous_log, restored_proxy, restored_commit, restored_set_boot, restored_write_flash,
    restored_start_image, restored_await_image;
/* restored_images.c */
restored_step_fn restored_fud, restored_personalized, restored_ean, restored_sealed_image;
/* restored_chips.c */
restored_step_fn restored_baseband, restored_updater;
/** Whether the model has that updater's chip. */
bool restored_has_chip(const struct restored *r, const char *updater);
void restored_forget_images(struct restored *r);
/** Signed for this device, by the very ticket of this boot; NULL tag: the type that the image itself states. */
bool restored_accept_image(struct restored *r, struct rv_span img4, const char *tag, const char *name,
                           struct rv_error *err);

/* ---- restored_ports.c: answers on a connection of their own ---- */
struct restored_port {
    struct sim_listener *listener; /* NULL: closed */
    const char *type;
};
/** Whether the host has hung up on the control connection. */
bool restored_host_left(const struct restored *r);
/** The host's connection to a port; -1 with err. Close it with sim_port_hangup. */
int restored_accept(struct restored *r, struct sim_listener *listener, const char *who, struct rv_error *err);
/** kind: DataRequestMsg or AsyncDataRequestMsg; `type` must outlive the port. */
bool restored_port_open(struct restored *r, const char *kind, const char *type, plist_t take_arguments,
                        struct restored_port *out, struct rv_error *err);
/** The answer; the port is closed then. */
plist_t restored_port_answer(struct restored *r, struct restored_port *port, struct rv_error *err);
void restored_port_close(struct restored_port *port);
plist_t restored_fetch_on_port(struct restored *r, const char *type, plist_t take_arguments, struct rv_error *err);

/* ---- restored_key.c ---- */
struct sim_aea;
bool restored_key_ask(struct restored *r, const struct sim_aea *aea, bool again, struct restored_port *port,
                      struct rv_error *err);
bool restored_key_take(struct restored *r, const struct sim_aea *aea, struct restored_port *port, uint8_t key[32],
                       struct rv_error *err);

/* ---- restored_objects.c ---- */
struct restored_file {
    uint8_t sha384[48], sha256[32];
    uint64_t bytes;
};
bool restored_fetch_identity(struct restored *r, struct rv_error *err);
bool restored_fetch_receipt(struct restored *r, struct rv_error *err);
/** A raw file in pieces (SourceBootObjectV4); only its digests are kept. */
bool restored_fetch_file(struct restored *r, const char *name, struct restored_file *out, struct rv_error *err);
bool restored_file_matches(struct restored *r, const char *name, const struct restored_file *file,
                           struct rv_error *err);
/** DeviceGeneratedTags. */
plist_t restored_generated_tags(const char *ticket, const char *const *identity_tags, size_t count);
restored_step_fn restored_cryptex, restored_async_wait, restored_attest;

/* ---- asr.c ---- */
/** Takes the system image from the host into system.img. */
bool sim_asr_run(struct restored *r, struct rv_error *err);
/** The same on a thread of its own, through a port that the request names. */
bool sim_asr_start(struct restored *r, struct rv_error *err);
/** Its end; true when the image is written. */
bool sim_asr_await(struct restored *r, struct rv_error *err);
/** ProgressMsg 13 of the image that comes beside. */
bool restored_image_progress(struct restored *r, int percent, struct rv_error *err);

/* ---- asr_wrapped.c ---- */
struct sim_wrapped;
struct sim_wrapped *sim_wrapped_new(struct restored *r, struct rv_error *err);
/** The bytes of the file, front to back. */
bool sim_wrapped_push(struct sim_wrapped *w, struct rv_span bytes, struct rv_error *err);
/** After the first bytes: asks for the key. */
bool sim_wrapped_ask(struct sim_wrapped *w, struct rv_span start, struct rv_error *err);
/** After the last: takes the key, lays the volume into `fd`. */
bool sim_wrapped_finish(struct sim_wrapped *w, int fd, struct rv_error *err);
void sim_wrapped_free(struct sim_wrapped *w);

/* ---- reverse_proxy.c ---- */
/** Asks the host for one connection through the proxy and pings it. False when there is no host for it. */
bool sim_proxy_ping(struct sim_device *device);
