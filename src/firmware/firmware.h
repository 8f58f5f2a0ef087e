/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IPSW: what it holds, which build identity fits the device, is it whole, and its components signed
 * for one device. Nothing here touches a device; an identity struct comes in, bytes go out.
 */
#pragma once

#include "base/bytes.h"
#include "base/ctx.h"
#include "format/plist.h"

struct rv_ipsw;

enum rv_behavior { RV_BEHAVIOR_UPDATE, RV_BEHAVIOR_ERASE };

struct rv_firmware_version {
    char version[32], build[32];
    unsigned build_major; /* 15 for 15C114 */
};

/** A zip file or a folder with its content. Refuses hostile archives (names, sizes, overlaps). */
struct rv_ipsw *rv_ipsw_open(struct rv_ctx *ctx, const char *path, struct rv_error *err);
/**
 * A zip file that stays on its server: its directory and its manifest come by ranges, the rest only when it is read.
 * UNSUPPORTED: the server gives no parts. CORRUPT: it was replaced meanwhile, or is damaged. PROTOCOL, NETWORK.
 */
struct rv_ipsw *rv_ipsw_open_url(struct rv_ctx *ctx, const char *url, struct rv_error *err);
/** How many bytes of the file on the server have come, and how many there are; false: it is on this computer. */
bool rv_ipsw_fetched(const struct rv_ipsw *ipsw, uint64_t *fetched, uint64_t *size);
void rv_ipsw_free(struct rv_ipsw *ipsw);
RV_DEFINE_AUTO(rv_ipsw)
const struct rv_firmware_version *rv_ipsw_version(const struct rv_ipsw *ipsw);
bool rv_ipsw_supports(const struct rv_ipsw *ipsw, const char *product_type);
plist_t rv_ipsw_manifest(const struct rv_ipsw *ipsw); /* whole BuildManifest, borrowed */

/** What the choice needs to know of a device. */
struct rv_target {
    uint64_t ecid;
    uint32_t chip, board;
    bool have_chip, have_board;
    const char *hardware_model; /* "d221ap", NULL unknown */
    const char *product_type;   /* NULL unknown */
    struct rv_span ap_nonce, sep_nonce;
};

/**
 * The BuildIdentity dict for a device (borrowed from ipsw). firmware.md 1.3: DeviceClass and chip/board
 * agree; Variant and RestoreBehavior both name the behaviour. Update never falls back to an Erase identity.
 */
plist_t rv_ipsw_choose(const struct rv_ipsw *ipsw, const struct rv_target *target, enum rv_behavior behavior,
                       struct rv_error *err);

/** The recovery system's identity that an identity names (Info.RecoveryVariant, iPhone 16 and later); NULL: none. */
plist_t rv_ipsw_recovery_identity(const struct rv_ipsw *ipsw, plist_t identity);

/** Names of a build identity's manifest components in manifest order; *names is freed with rv_free. */
bool rv_identity_components(plist_t identity, const char ***names, size_t *count, struct rv_error *err);
plist_t rv_identity_component(plist_t identity, const char *component);            /* manifest entry or NULL */
bool rv_component_flag(plist_t identity, const char *component, const char *flag); /* Info.<flag> */

/** Whole component file as it stands in the IPSW; retagged (Img4PayloadType) where the manifest says so. */
struct rv_blob *rv_ipsw_component(struct rv_ipsw *ipsw, plist_t identity, const char *component, struct rv_error *err);
/** Any file of the archive by path, at most cap bytes. */
struct rv_blob *rv_ipsw_file(struct rv_ipsw *ipsw, const char *path, size_t cap_bytes, struct rv_error *err);

/**
 * Random access to a big component (the system image) without unpacking it to disk. Where rv_ipsw_verify has read it
 * before, its marks are taken over: no byte is unpacked again to find the way. Only `ctx` can cancel a read.
 */
struct rv_ipsw_image;
struct rv_ipsw_image *rv_ipsw_image_open(struct rv_ctx *ctx, struct rv_ipsw *ipsw, plist_t identity,
                                         const char *component, struct rv_error *err);
void rv_ipsw_image_free(struct rv_ipsw_image *image);
RV_DEFINE_AUTO(rv_ipsw_image)
uint64_t rv_ipsw_image_size(const struct rv_ipsw_image *image);
/** Exactly len bytes; any offset and length inside; PROTOCOL outside. One thread at a time. */
bool rv_ipsw_image_read(struct rv_ipsw_image *image, uint64_t offset, void *to, size_t len, struct rv_error *err);

/** Every component of the identity: there, and its digest equals the manifest's. CORRUPT names the component. */
bool rv_ipsw_verify(struct rv_ipsw *ipsw, plist_t identity, struct rv_error *err);

/* ---- signing ---- */

struct rv_ticket; /* a TSS answer: ApImg4Ticket and what came with it */

/** Asks the signing server. UNSIGNED (with STATUS in the cause, err->apple 3100+STATUS), NETWORK. */
struct rv_ticket *rv_ticket_fetch(struct rv_ctx *ctx, const struct rv_ipsw *ipsw, plist_t identity,
                                  const struct rv_target *target, struct rv_error *err);
/** From a file: raw IM4M, or a .shsh/.shsh2 property list. */
struct rv_ticket *rv_ticket_load(const char *path, struct rv_error *err);
/** From a saved IM4M. */
struct rv_ticket *rv_ticket_from_im4m(struct rv_span im4m, struct rv_error *err);
void rv_ticket_free(struct rv_ticket *ticket);
RV_DEFINE_AUTO(rv_ticket)
struct rv_span rv_ticket_im4m(const struct rv_ticket *ticket); /* borrowed */
plist_t rv_ticket_answer(const struct rv_ticket *ticket);      /* whole TSS dict, or NULL; borrowed */

enum rv_trust { RV_TRUST_APPLE, RV_TRUST_EXTRA /* REVIVE_TRUST_ROOT: "not Apple's" */ };
/**
 * Signature chain (Apple's roots or the extra one), ECID, chip, board, nonce equal the target's, and every
 * trusted component's digest is covered. REFUSED/CORRUPT say which does not hold.
 */
bool rv_ticket_verify(struct rv_ctx *ctx, const struct rv_ticket *ticket, plist_t identity,
                      const struct rv_target *target, enum rv_trust *trust, struct rv_error *err);

/** Component + ticket = IMG4 (or the raw file where Personalize is false). Checks that the ticket covers it. */
struct rv_blob *rv_personalise(struct rv_ipsw *ipsw, plist_t identity, const char *component,
                               const struct rv_ticket *ticket, struct rv_error *err);

/** Signed ticket for one coprocessor or the baseband: posts `request` merged with the base fields; dict, caller frees.
 */
plist_t rv_tss_ask(struct rv_ctx *ctx, plist_t request, struct rv_error *err);
/** Baseband: asks for BBTicket and returns the .bbfw with blobs stitched in (a zip); arguments may be NULL. */
struct rv_blob *rv_baseband_personalise(struct rv_ctx *ctx, struct rv_ipsw *ipsw, plist_t identity, uint64_t ecid,
                                        plist_t arguments, struct rv_error *err);
