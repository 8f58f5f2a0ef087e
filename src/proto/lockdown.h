/* SPDX-License-Identifier: Apache-2.0 */
/* lockdownd on port 62078: type, values, pairing, sessions, services (device-services section 4). */
#pragma once

#include "format/plist.h"
#include "transport/mux.h"
#include "transport/stream.h"

enum { RV_LOCKDOWN_PORT = 62078 };

struct rv_lockdown;
struct rv_lockdown *rv_lockdown_open(struct rv_ctx *ctx, const struct rv_mux_id *id, struct rv_error *err);
void rv_lockdown_free(struct rv_lockdown *link);
RV_DEFINE_AUTO(rv_lockdown)

/** "com.apple.mobile.lockdown" or "com.apple.mobile.restored". */
bool rv_lockdown_type(struct rv_lockdown *link, char *out, size_t out_size, struct rv_error *err);
/** Answers slower than this are TIMEOUT; 30 s unless set. For asking who is there, not for work. */
void rv_lockdown_patience(struct rv_lockdown *link, uint32_t timeout_ms);
/** restored only: its HardwareInfo (UniqueChipID, ChipID, BoardID); caller frees. */
plist_t rv_lockdown_hardware_info(struct rv_lockdown *link, struct rv_error *err);
/** Value (caller frees) or NULL; key NULL: the whole domain. NOT_FOUND for MissingValue and the like. */
plist_t rv_lockdown_get(struct rv_lockdown *link, const char *domain, const char *key, struct rv_error *err);
/** Starts a TLS session with this computer's pair record; REFUSED/DENIED with advice when not trusted or locked. */
bool rv_lockdown_session(struct rv_lockdown *link, struct rv_error *err);
/**
 * Pairs (asks the person to tap Trust; polls once a second until answered or wait_ms is over), saves the
 * record, then starts a session. DENIED: not trusted, or locked; each with its own advice.
 */
bool rv_lockdown_pair(struct rv_lockdown *link, uint32_t wait_ms, struct rv_error *err);
/** A started service's stream, inside TLS when the device says so. */
struct rv_stream *rv_lockdown_service(struct rv_lockdown *link, const char *service, struct rv_error *err);
/** The same with the pair record's EscrowBag: a locked phone that was unlocked once opens its files by it. */
struct rv_stream *rv_lockdown_service_escrow(struct rv_lockdown *link, const char *service, struct rv_error *err);
/** Without a session first, with one (pairing needed) when the device insists. The device then reboots. */
bool rv_lockdown_enter_recovery(struct rv_lockdown *link, struct rv_error *err);
