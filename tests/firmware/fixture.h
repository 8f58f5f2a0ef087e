/* SPDX-License-Identifier: Apache-2.0 */
/* A firmware file and tickets made here: no byte of them is anybody's else. */
#pragma once

#include "support/test.h"

#include "base/ctx.h"
#include "firmware/ipsw.h"
#include "firmware/ticket.h"

enum { FIXTURE_CHIP = 0x8015, FIXTURE_BOARD = 0x0E, FIXTURE_IMAGE = 9 * 1024 * 1024 };
#define FIXTURE_ECID UINT64_C(0x8001234567890ABC)

struct fixture {
    char folder[64];                                                 /* scratch */
    char content[80];                                                /* the firmware as a folder */
    char zip[80];                                                    /* the firmware as a file, after fixture_zip() */
    char root[80];                                                   /* the extra trust root, DER */
    struct rv_ctx ctx;                                               /* with trust_root set to it */
    uint8_t *image;                                                  /* what OS must read as */
    void *root_key, *leaf_key, *root_certificate, *leaf_certificate; /* EVP_PKEY, X509 */
};

void fixture_start(struct fixture *f);
void fixture_end(struct fixture *f);

/** Makes the zip of the folder. */
void fixture_zip(struct fixture *f, bool deflate);
/** Replaces a file in the folder. */
void fixture_write(struct fixture *f, const char *name, struct rv_span bytes);
void fixture_remove(struct fixture *f, const char *name);
struct rv_blob *fixture_read(struct fixture *f, const char *name);
/** Path inside the folder; valid until the next call. */
const char *fixture_path(struct fixture *f, const char *name);

/** The d221ap identity for a behaviour. */
plist_t fixture_identity(struct rv_ipsw *ipsw, enum rv_behavior behavior);
struct rv_target fixture_target(void);

/* Tickets: every field can be told to lie. */
struct fixture_ticket {
    uint64_t ecid;
    uint32_t chip, board;
    const uint8_t *nonce;  /* 32 bytes */
    const char *leave_out; /* tag of an object that is not covered */
    const char *wrong;     /* tag of an object with another digest */
    bool no_production;    /* without CPRO, which the certificate demands */
    bool other_root;       /* signed by a key nobody trusts */
    bool leaf_signs_leaf;  /* chain with a leaf that is no CA between */
};
struct rv_ticket *fixture_ticket(struct fixture *f, plist_t identity, const struct fixture_ticket *what);
#define FIXTURE_TICKET                                                                                                 \
    {                                                                                                                  \
        .ecid = FIXTURE_ECID, .chip = FIXTURE_CHIP, .board = FIXTURE_BOARD, .nonce = fixture_nonce                     \
    }
extern const uint8_t fixture_nonce[32];
