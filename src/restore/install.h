/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation with restored: what steps_install.c (the loop) and answers.c (the table) share. */
#pragma once

#include "proto/restored.h"
#include "restore/internal.h"

enum rv_restore_kind { RV_RESTORE_DATA, RV_RESTORE_MESSAGE, RV_RESTORE_ASYNC };

struct rv_install;
struct rv_request; /* one DataRequestMsg or AsyncDataRequestMsg */

/**
 * Fills *reply (caller frees; NULL: nothing is to be sent, the handler did all itself). Handlers keep no state
 * between calls: a device asks again when it likes.
 */
typedef bool rv_answer_fn(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err);

/* One row of data/restore_types.json: what is announced in StartRestore, and who answers. */
struct rv_restore_type {
    enum rv_restore_kind kind;
    const char *type;
    bool announced;        /* in StartRestore (null in the JSON: asked by devices, but in no host's list) */
    bool optional;         /* the value announced */
    rv_answer_fn *answer;  /* NULL: nobody knows what is wanted; answered with {} */
    const char *component; /* or the manifest flag of a list */
    const char *key;       /* of the reply, or its prefix */
    const char *note;
};
const struct rv_restore_type *rv_restore_types(size_t *count);
const struct rv_restore_type *rv_restore_type(const char *type); /* data rows; NULL: unknown */
/** Dictionary name -> optional of one kind; caller frees. */
plist_t rv_restore_announced(enum rv_restore_kind kind);

struct rv_request {
    const struct rv_restore_type *row; /* NULL: unknown type */
    const char *type;
    plist_t arguments;        /* dict or NULL, borrowed */
    uint16_t data_port;       /* 0: answer on the control connection */
    struct rv_stream *stream; /* opened to data_port by the dispatcher; NULL for images */
};
/** Reads a DataRequestMsg; it borrows from the message. */
bool rv_request_read(plist_t message, struct rv_request *out, struct rv_error *err);
/** Sends on the request's own channel. */
bool rv_request_send(struct rv_install *in, struct rv_request *request, plist_t message, struct rv_error *err);

/* The system image's way to the device, on a thread of its own. */
struct rv_image_job {
    struct rv_install *in;
    struct rv_ipsw_image *image; /* reads the archive that was checked, beside the answers: places, no file offset */
    uint16_t port;
    pthread_t thread;
    bool started;
    _Atomic uint64_t sent, total;
    atomic_bool ended, failed;
    struct rv_error err; /* when failed */
};

/* One answer that is given aside, while the conversation goes on. */
enum { RV_ASIDE_MAX = 16 };
struct rv_aside {
    struct rv_install *in;
    plist_t message; /* owned; NULL: this place is free */
    struct rv_request request;
    pthread_t thread;
    atomic_bool ended;
};

struct rv_install {
    struct rv_restore *r;
    struct rv_ctx calm; /* the job's context with a cancel of its own: the first Ctrl-C must not cut this work */
    struct rv_mux_id mux;
    struct rv_restored *control;
    uint64_t protocol;
    pthread_mutex_t sending;      /* held for one message on the control connection */
    pthread_mutex_t lock;         /* of what answers given aside share: the four below */
    plist_t baseband;             /* {"Nonce", "BasebandData"}: reused while the nonce stays */
    plist_t assets;               /* URL -> reply, for those asked several times */
    struct rv_error unanswered;   /* first request that could not be answered; code 0: none */
    struct rv_error aside_failed; /* first answer that did not reach the control connection; code 0: none */
    struct rv_image_job image;
    struct rv_fdr *fdr;
    struct rv_aside asides[RV_ASIDE_MAX];
    _Atomic unsigned urls_answered; /* a stream that holds one back for a key watches this */
    /* what the device said last, for the watchdog and the words of a failure */
    uint64_t heard_ms;  /* clock time of the last sign of life */
    uint32_t quiet_s;   /* silence that is allowed now */
    uint64_t operation; /* last one shown */
    char failed_step[80];
    int64_t failed_result; /* of the first checkpoint that failed; 0: none did, or without a number */
    bool noted;            /* a first Ctrl-C was told */
    bool gap_told;         /* the person knows of `unanswered` */
    double part;           /* of the step, 0..1, never goes back */
};

/** One message on the control connection; callable from every thread. */
bool rv_install_send(struct rv_install *in, plist_t message, struct rv_error *err);
/** Answers one request, on the control connection or its DataPort; a request nobody knows gets {}. */
bool rv_install_answer(struct rv_install *in, struct rv_request *request, struct rv_error *err);
/** One message of restored; *ended when it was the final status. */
bool rv_install_hear(struct rv_install *in, plist_t message, bool *ended, struct rv_error *err);
/** Must it be answered aside: it comes with a port of its own, or takes long? The image has its own thread. */
bool rv_request_is_long(const struct rv_request *request);
/** Notes the first thing that could not be given: if the device fails, that was the reason. */
void rv_install_note_gap(struct rv_install *in, const struct rv_error *why);
/** "ApFoo" stands for "Ap,Foo" in some requests: the name as the manifest has it, in `other` when it differs. */
const char *rv_manifest_name(plist_t identity, const char *name, char *other, size_t other_size);
/** The build identity that a request means: the installed system's, or the recovery system's. NULL: none. */
plist_t rv_request_identity(struct rv_install *in, const struct rv_request *request, struct rv_error *err);

/* aside.c: answers on threads of their own, so that ASR and a slow server hold up nothing */
bool rv_aside_begin(struct rv_install *in, plist_t message, struct rv_error *err);
/** Is one still being given: then a device that waits for it is silent with good reason. */
bool rv_aside_working(const struct rv_install *in);
void rv_aside_end(struct rv_install *in);
/** False, with the reason, when a device waits in vain for an answer that was given aside. */
bool rv_aside_check(struct rv_install *in, struct rv_error *err);

/** The build identity of the recovery system beside the installed one. NULL: the firmware has none. */
plist_t rv_install_recovery(struct rv_install *in, struct rv_error *err);

/* answers_file.c, answers_recovery.c, answers_url.c */
rv_answer_fn rv_answer_boot_object, rv_answer_source_object, rv_answer_recovery_image;
rv_answer_fn rv_answer_recovery_asset, rv_answer_recovery_version, rv_answer_url;
/** Ends the image thread and frees what it holds. */
void rv_image_join(struct rv_install *in);

/* options.c */
/** RestoreOptions of StartRestore; caller frees. */
plist_t rv_restore_start_options(struct rv_restore *r, struct rv_error *err);
