/* SPDX-License-Identifier: Apache-2.0 */
/* A connection as a service sees it: a socket, perhaps with TLS on it, and length-prefixed property lists. */
#pragma once

#include "base/bytes.h"

#include <plist/plist.h>

enum { SIM_WIRE_PLIST_MAX = 64 * 1024 * 1024 };

struct ssl_st;
struct sim_device;
struct sim_transcript;
struct sim_wire {
    int fd;
    struct ssl_st *tls;           /* NULL: plain */
    struct sim_device *device;    /* whose events the transfers are; NULL: nobody counts */
    struct sim_transcript *heard; /* where the property lists that come in are written down; NULL: nowhere */
    const char *who;              /* the service, for that */
};

/** Exactly len bytes; false at end of stream, on an error, or when nothing came for timeout_ms (negative: for ever). */
bool sim_wire_read(struct sim_wire *wire, void *to, size_t len, int timeout_ms);
/** Whether there is something to read (or the end of it) within timeout_ms. */
bool sim_wire_waits(struct sim_wire *wire, int timeout_ms);
/** At least one byte; 0 at the end, on an error or after timeout_ms. */
size_t sim_wire_read_some(struct sim_wire *wire, void *to, size_t room, int timeout_ms);
bool sim_wire_write(struct sim_wire *wire, struct rv_span bytes);

/** u32 big-endian length, then the plist (XML or binary). NULL on any failure; lengths above cap_bytes are refused. */
plist_t sim_wire_plist_read(struct sim_wire *wire, size_t cap_bytes, int timeout_ms);
/** XML, as the device's services answer; borrowed. */
bool sim_wire_plist_write(struct sim_wire *wire, plist_t plist);
bool sim_wire_plist_write_binary(struct sim_wire *wire, plist_t plist);

/** Text of a string in a dictionary, or NULL; borrowed from dict. */
const char *sim_plist_text(plist_t dict, const char *key);
/** A dictionary's data; an empty span when absent. */
struct rv_span sim_plist_data(plist_t dict, const char *key);
/** An XML or binary plist in memory; NULL when it is none. */
plist_t sim_plist_parse(struct rv_span in);
