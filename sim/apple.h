/* SPDX-License-Identifier: Apache-2.0 */
/* Apple's side: keys, the signing server, the firmware host, and the factory that makes IPSWs. */
#pragma once

#include "base/bytes.h"

#include <plist/plist.h>

/** Makes (once) root and leaf keys in a folder: root.der, root.key, leaf.der, leaf.key (RSA, SHA-384). */
bool sim_pki_make(const char *folder, struct rv_error *err);

struct sim_factory {
    const char *manifest; /* BuildManifest.plist to take as the form; NULL: the project's own iPhone10,6 */
    const char *product;  /* without a manifest: another device of the table (\"iPhone9,3\"); NULL: the iPhone X */
    const char *out;      /* path of the .ipsw */
    const char *version, *build; /* NULL: the manifest's */
    uint64_t system_bytes;       /* size of the uncompressed system volume */
    unsigned seed;               /* content */
    bool deflate_image;          /* the system image deflated inside the zip (default: stored) */
};
/** Writes a valid IPSW: every component of the Erase and Update identities of the manifest, digests set. */
bool sim_factory_make(const struct sim_factory *what, struct rv_error *err);
/** SHA-384 (hex) of the system volume that this IPSW installs, for comparing with the device afterwards. */
bool sim_factory_system_hash(const char *ipsw, char out[97], struct rv_error *err);
/** Lays the IPSW's system volume into the file `system_img` (as ASR would). */
bool sim_factory_lay_system(const char *ipsw, const char *system_img, struct rv_error *err);

/* Damage for tests. CUT: only the first `at` bytes stay. FLIP: one bit of byte `at`. COMPONENT: one bit in the middle
 * of that component's stored bytes (the archive's own checksum breaks). FORGE: the same in its content, in an archive
 * that is whole (only the manifest's digest can tell). */
enum sim_damage { SIM_DAMAGE_CUT, SIM_DAMAGE_FLIP, SIM_DAMAGE_COMPONENT, SIM_DAMAGE_FORGE };
bool sim_ipsw_damage(const char *ipsw, enum sim_damage kind, uint64_t at, const char *component, struct rv_error *err);

struct sim_apple_options {
    const char *listen; /* "127.0.0.1:0" */
    const char *pki;    /* folder of sim_pki_make */
    const char *files;  /* folder whose IPSWs are served with ranges; NULL none */
    int refuse_status;  /* 0: sign; 94: refuse everything … */
    const char *record; /* file: every request, one JSON line each; NULL none */
    const char *tls;    /* NULL: plain HTTP; "good", "wrong-name", "untrusted", "expired": HTTPS with that chain */
    const char *const *faults; /* NULL or NULL-terminated "NAME=VALUE" (sim/apple_faults.h) */
};
/** Starts the servers; *port is the one bound. Runs until the process ends. */
bool sim_apple_start(const struct sim_apple_options *options, unsigned *port, struct rv_error *err);
/** One signature without HTTP: request (TSS dict) -> IM4M. For laying a device as the factory ships it. */
struct rv_blob *sim_sign_ticket(const char *pki, plist_t request, struct rv_error *err);
