/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host written for the tests of restored and ASR, apart from the product: it brings a virtual device into
 * Restore mode over its USB functions and plays the conversation, rightly or wrongly as ordered.
 */
#pragma once

#include "sim/apple.h"
#include "sim/device.h"

#include <pthread.h>
#include <stdio.h>
#include <zip.h>

enum wrong {
    RIGHT,
    OTHER_TICKET,      /* RootTicket: one for another nonce */
    FLIPPED_COMPONENT, /* `what` is sent with one bit of its payload flipped */
    MISSING_KEY,       /* the answer to request `what` is an empty dictionary */
    SILENT,            /* request `what` is never answered */
    LEAVES,            /* the connection is closed at request `what` */
    GARBAGE,           /* request `what` is answered by bytes that are no property list */
    EXTRA_WORDS,       /* chatter with a MsgType, and keys that nobody asked for, before and in every answer */
    SHORT_IMAGE,       /* half of the stream, then the connection is closed */
    CORRUPT_PIECE,     /* a piece of the stream does not match its checksum */
    OTHER_IMAGE,       /* the stream is changed and its checksums made to fit */
    LYING_READS,       /* an out-of-band answer differs from the stream */
    NO_CHECKSUMS,      /* packet info without the chunk size that was asked for */
    NO_IMAGE,          /* never connects to ASR */
    NO_FINAL_WORD,     /* leaves without ReceivedFinalStatusMsg */
    OTHER_ERASE_TICKET,
    OTHER_NAME,  /* another image than the one that was named */
    OTHER_NONCE, /* tickets of updater `what` are for another nonce */
    OTHER_UDID,  /* the cryptex ticket is for another device */
    ON_CONTROL,  /* request `what` is answered on the control connection, not on its own port */
    NO_KEY,      /* URLAsset and what follows it: status 404 */
    KEY_LATER,   /* URLAsset: status 404; StreamedImageDecryptionKey: the key */
    OTHER_KEY,   /* another key than the one that was asked for */
    NO_END,      /* a streamed file without FileDataDone, and nothing more */
};

struct host {
    struct sim_device *device;
    const char *pki;
    zip_t *ipsw;
    plist_t manifest, identity; /* identity is borrowed from manifest */
    bool erase;
    struct rv_blob *ticket;
    int fd;
    enum wrong wrong;
    const char *what;
    plist_t options; /* into StartRestore's RestoreOptions; NULL none */
    pthread_t image_thread;
    bool image_runs;
    /* what came of it */
    bool ended; /* a StatusMsg came */
    int64_t status;
    char *log;
    char requests[8192]; /* "NORData RootTicket …" */
    unsigned progress[100];
    unsigned async_waits, image_progress;
    FILE *record; /* every message of the device, one line each; NULL none */
    unsigned checkpoints, initiates, oob_reads, unknown_messages, previous_logs;
    bool asr_connected_twice;
    uint64_t streamed;
};

void host_open(struct host *host, struct sim_device *device, const char *pki, const char *ipsw, bool erase);
void host_close(struct host *host);
/** Through Recovery and iBEC into Restore mode. */
bool host_boot(struct host *host);
/** From QueryType to the final status (or as far as it goes). */
void host_restore(struct host *host);

bool wait_for_mode(struct sim_device *device, enum sim_mode mode, unsigned ms);
/** One framed request and its answer on an open connection; NULL when the device hangs up. */
plist_t host_request(int fd, plist_t take_request);
int host_connect(struct sim_device *device, uint16_t port);
