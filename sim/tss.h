/* SPDX-License-Identifier: Apache-2.0 */
/* The signing server without its HTTP: a request goes in as bytes, the answer comes out as bytes. */
#pragma once

#include "sim/apple.h"

struct sim_tss {
    const char *pki;          /* folder of sim_pki_make */
    const char *files;        /* folder of IPSWs whose builds are signed; NULL: any build */
    int refuse_status;        /* 0: sign; else answered to everything */
    const char *refuse_build; /* "15C114": this build is no longer signed; NULL none */
};

/** What one request was, for the record. */
struct sim_tss_summary {
    int status;
    char message[128];
    char kind[48]; /* "ApImg4Ticket", "BBTicket", "SE,Ticket"…; "" unknown */
    uint64_t ecid;
    char build_id[41], ap_nonce[129], sep_nonce[129]; /* hex */
    char behavior[16], build[32];                     /* of the known identity that it named; "" unknown */
    unsigned components;
};

/** Body of the reply ("STATUS=…&MESSAGE=…"). NULL only when memory is out or the keys cannot be read. */
struct rv_blob *sim_tss_answer(const struct sim_tss *tss, struct rv_span body, struct sim_tss_summary *summary,
                               struct rv_error *err);

/** Type tag of a manifest component's name ("RestoreRamDisk" -> "rdsk"); NULL when none is known. */
const char *sim_component_tag(const char *component);
/** The same in a cryptex ticket ("Cryptex1,SystemOS" -> "csos"). */
const char *sim_cryptex_tag(const char *component);
