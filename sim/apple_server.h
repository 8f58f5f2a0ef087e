/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the servers of Apple's side. */
#pragma once

#include "sim/apple.h"
#include "sim/apple_faults.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>

struct sim_apple {
    struct sim_apple *next; /* servers run until the process ends; kept reachable */
    struct MHD_Daemon *daemon;
    char *pki, *files, *record;
    char *tls_key, *tls_chain;
    pthread_mutex_t lock; /* faults and the record */
    struct sim_apple_faults faults;
};

/** A copy of the faults as they are now; `for_file`: for a file that is about to be sent. */
struct sim_apple_faults sim_apple_faults_now(struct sim_apple *apple, bool for_file);
/** One JSON line; `fields` is the inside of an object without braces. */
void sim_apple_record(struct sim_apple *apple, const char *fields);
/** Quotes and escapes text into out (cut to fit). */
const char *sim_apple_json(const char *text, char *out, size_t out_size);
/** Waits without burning anything: a fault that is meant to be slow. */
void sim_apple_wait(uint64_t ms);

/** Answers GET and HEAD of firmware files: NAME.ipsw, NAME/NAME.ipsw, NAME/BuildManifest.plist. */
enum MHD_Result sim_apple_file(struct sim_apple *apple, struct MHD_Connection *connection, const char *url, bool head);
/** Whether a path is one of the lists of firmware; and its answer. */
bool sim_apple_is_catalog(const char *url);
enum MHD_Result sim_apple_catalog(struct sim_apple *apple, struct MHD_Connection *connection, const char *url);
