/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation with restored from StartRestore to the final status (docs/restore.md section 2). The device
 * drives; this side answers, shows how far it is, and notices when it has gone silent.
 */
#include "restore/install.h"
#include "restore/patience.h"

#include "base/text.h"
#include "proto/fdr.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    QUIET_LEAST_MS = 3000,
    TICK_MS = 500, /* how often progress of the image is told and silence is looked at */
};

/* Shares of the step's bar (docs/restore.md 2.4, by typical time on USB 2). */
static const double image_begins = 0.05, image_ends = 0.70, verify_ends = 0.80;

/* ---- how far ---- */

static void show(struct rv_install *in, double part, const char *words)
{
    if (part > in->part)
        in->part = part > 1 ? 1 : part;
    rv_restore_progress(in->r, (uint64_t)(in->part * 10000), 10000, "parts", words);
}

static void show_image(struct rv_install *in)
{
    uint64_t sent = in->image.sent, total = in->image.total;
    if (!in->image.started || total == 0 || in->image.ended)
        return;
    double part = image_begins + (image_ends - image_begins) * (double)sent / (double)total;
    if (part > in->part)
        in->part = part;
    struct rv_restore *r = in->r;
    double percent = r->percent_base + r->percent_weight * in->part;
    if (percent > r->percent)
        r->percent = percent;
    rv_tell(r->ctx, &(struct rv_event){ .kind = RV_EVENT_PROGRESS,
                                        .step = r->step->name,
                                        .text = "Sending the system",
                                        .unit = "bytes",
                                        .done = sent,
                                        .total = total,
                                        .percent = r->percent });
}

static void alive(struct rv_install *in, uint32_t quiet_s)
{
    in->heard_ms = rv_clock_now(&in->calm.clock);
    if (quiet_s != 0)
        in->quiet_s = quiet_s;
}

/* ---- messages ---- */

static void on_progress(struct rv_install *in, plist_t message)
{
    uint64_t operation = 0;
    int64_t percent = -1;
    rv_plist_uint(message, "Operation", &operation);
    rv_plist_int(message, "Progress", &percent);
    if (in->protocol != 0 && in->protocol < 14 && operation > 35)
        operation++; /* the table's numbers are those of protocol 14 and later */
    const struct rv_operation_row *row = rv_operation_row(operation);
    char words[96];
    snprintf(words, sizeof words, "%s", row == NULL ? "Working" : row->words);
    if (row == NULL)
        rv_log(in->r->ctx->log, RV_LOG_INFO, "restore", "operation %" PRIu64 " is not in the table", operation);
    alive(in, row == NULL ? RV_WAIT_QUIET_S : row->quiet_s);
    bool known = percent > 0 && percent <= 100;
    double part = in->part + (0.99 - in->part) * 0.06; /* a little for each unnumbered step, never the end */
    if (operation == 13)
        part = known ? image_begins + (image_ends - image_begins) * (double)percent / 100 : in->part;
    else if (operation == 14)
        part = image_ends + (verify_ends - image_ends) * (known ? (double)percent / 100 : 0);
    else if (in->part < image_begins)
        part = in->part + (image_begins - in->part) * 0.3;
    else if (in->part < image_ends && in->image.started && !in->image.ended)
        part = in->part; /* the image's own bytes move the bar now */
    if (!known && (row == NULL || operation != in->operation))
        rv_tell_step(in->r->ctx, row == NULL ? "device-step" : row->id, words);
    in->operation = operation;
    show(in, part, words);
}

static void on_checkpoint(struct rv_install *in, plist_t message)
{
    uint64_t id = 0;
    int64_t result = 0;
    const char *name = rv_plist_text(message, "CHECKPOINT_NAME");
    const char *failure = rv_plist_text(message, "CHECKPOINT_ERROR");
    rv_plist_uint(message, "CHECKPOINT_ID", &id);
    rv_plist_int(message, "CHECKPOINT_RESULT", &result);
    if (name == NULL)
        name = rv_checkpoint_name(id);
    rv_log(in->r->ctx->log, RV_LOG_INFO, "restore", "checkpoint 0x%04x %.60s result %lld%s%.200s",
           (unsigned)(id & 0xFFFF), name == NULL ? "?" : name, (long long)result, failure == NULL ? "" : ": ",
           failure == NULL ? "" : failure);
    alive(in, 0);
    if (result == 0 && failure == NULL)
        return;
    /* The first failure names the cause; those that follow clean up. */
    if (in->failed_step[0] == '\0') {
        snprintf(in->failed_step, sizeof in->failed_step, "0x%04X %.60s", (unsigned)(id & 0xFFFF),
                 name == NULL ? "" : name);
        rv_text_clean(in->failed_step);
        in->failed_result = result;
        rv_tell_warning(in->r->ctx, "The device reports a failure in its step %s.", in->failed_step);
    }
    in->quiet_s = RV_WAIT_FAILURE_S;
}

static void log_text(struct rv_install *in, const char *what, plist_t message, const char *key)
{
    const char *text = rv_plist_text(message, key);
    if (text != NULL)
        rv_log(in->r->ctx->log, RV_LOG_INFO, "restore", "%s: %.2000s", what, text);
}

static bool on_baseband_status(struct rv_install *in, plist_t message)
{
    alive(in, 0);
    if (rv_plist_bool(message, "Accepted", true))
        return true;
    struct rv_error why = { 0 };
    rv_fail(&why, RV_E_REFUSED, "the device did not accept the modem's software");
    rv_advise(&why, RV_ADVICE_BASEBAND);
    rv_install_note_gap(in, &why);
    return true;
}

bool rv_install_send(struct rv_install *in, plist_t message, struct rv_error *err)
{
    pthread_mutex_lock(&in->sending);
    bool fine = rv_restored_send(in->control, message, err);
    pthread_mutex_unlock(&in->sending);
    return fine;
}

static bool send_word(struct rv_install *in, const char *key, plist_t value, struct rv_error *err)
{
    RV_AUTO_PLIST message = plist_new_dict();
    plist_dict_set_item(message, key, value);
    return rv_install_send(in, message, err);
}

/* ---- requests ---- */

/* What could not be given is told at once: the person sees it before the device has made up its mind about it. */
static void tell_gap(struct rv_install *in)
{
    char text[RV_ERROR_TEXT] = "";
    pthread_mutex_lock(&in->lock);
    if (in->unanswered.code != RV_OK && !in->gap_told)
        snprintf(text, sizeof text, "%s", in->unanswered.text[0]);
    pthread_mutex_unlock(&in->lock);
    if (text[0] == '\0')
        return;
    in->gap_told = true;
    rv_tell_warning(in->r->ctx, "The device asked for something that revive could not give (%s). It may go on without.",
                    text);
}

static bool on_request(struct rv_install *in, plist_t message, bool aside, struct rv_error *err)
{
    struct rv_request request;
    if (!rv_request_read(message, &request, err))
        return false;
    rv_log(in->r->ctx->log, RV_LOG_INFO, "restore", "the device asks for %.60s%s", request.type, aside ? " aside" : "");
    alive(in, 0);
    if (request.row == NULL)
        rv_tell_warning(in->r->ctx, "The device asks for '%.60s': this firmware may be newer than revive knows.",
                        request.type);
    bool fine = rv_request_is_long(&request) ? rv_aside_begin(in, message, err) : rv_install_answer(in, &request, err);
    alive(in, 0);
    return fine;
}

/* ---- the end ---- */

/* Of a general failure AMRError, of either sign, or the first checkpoint that failed may tell the number. */
static int64_t closer_number(const struct rv_install *in, plist_t message, int64_t status)
{
    enum { GENERAL = -1 };
    int64_t named = 0;
    if (status != GENERAL)
        return status;
    if (rv_plist_int(message, "AMRError", &named) && named != 0 && named != GENERAL && named > -INT32_MAX)
        return named < 0 ? -named : named;
    return in->failed_result > 0 && in->failed_result < INT32_MAX ? in->failed_result : status;
}

static bool on_status(struct rv_install *in, plist_t message, struct rv_error *err)
{
    int64_t status = -1;
    struct rv_error unsent = { 0 };
    const char *log = rv_plist_text(message, "Log");
    if (!rv_plist_int(message, "Status", &status))
        return rv_fail(err, RV_E_PROTOCOL, "the device sent a final status without a number");
    rv_log(in->r->ctx->log, RV_LOG_INFO, "restore", "final status %lld", (long long)status);
    status = closer_number(in, message, status);
    log_text(in, "the device's log", message, "Log");
    /* The device waits for this word before it restarts; a lost connection here changes nothing. */
    send_word(in, "MsgType", plist_new_string("ReceivedFinalStatusMsg"), &unsent);
    if (status == 0) {
        in->r->finished = true;
        return true;
    }
    rv_status_fail(status, log, in->failed_step, err);
    if (in->unanswered.code != RV_OK)
        rv_while(err, "revive could not give what the device asked for: %.150s", in->unanswered.text[0]);
    return false;
}

bool rv_install_hear(struct rv_install *in, plist_t message, bool *ended, struct rv_error *err)
{
    const char *type = rv_plist_text(message, "MsgType");
    if (type == NULL) {
        rv_log(in->r->ctx->log, RV_LOG_INFO, "restore", "a message without a type was ignored");
        return true;
    }
    if (strcmp(type, "DataRequestMsg") == 0)
        return on_request(in, message, false, err);
    if (strcmp(type, "AsyncDataRequestMsg") == 0)
        return on_request(in, message, true, err);
    if (strcmp(type, "StatusMsg") == 0) {
        *ended = true;
        return on_status(in, message, err);
    }
    if (strcmp(type, "ProgressMsg") == 0)
        on_progress(in, message);
    else if (strcmp(type, "CheckpointMsg") == 0)
        on_checkpoint(in, message);
    else if (strcmp(type, "BBUpdateStatusMsg") == 0)
        return on_baseband_status(in, message);
    else if (strcmp(type, "PreviousRestoreLogMsg") == 0)
        log_text(in, "log of the attempt before", message, "PreviousRestoreLog");
    else if (strcmp(type, "RestoredCrash") == 0)
        log_text(in, "the restore program crashed", message, "RestoredBacktrace");
    else if (strcmp(type, "RestoreAttestation") == 0)
        return send_word(in, "RestoreShouldAttest", plist_new_bool(0), err);
    else
        rv_log(in->r->ctx->log, RV_LOG_INFO, "restore", "message %.60s", type);
    return true;
}

/* ---- the loop ---- */

/* The first Ctrl-C (docs/restore.md section 5): the phases in here must not be cut. A second one ends the program. */
static void tell_noted(struct rv_install *in)
{
    struct rv_error unwritten = { 0 };
    if (in->noted || !rv_cancel_asked(&in->r->ctx->cancel))
        return;
    in->noted = true;
    if (in->r->journal != NULL)
        rv_journal_note(in->r->journal, "the person asked to stop while the device was being written", &unwritten);
    rv_tell_warning(in->r->ctx, "Noted. The device is being written to and must not be interrupted now: revive stops "
                                "when this step has ended. Press Ctrl-C again to stop at once.");
}

static bool check_silence(struct rv_install *in, struct rv_error *err)
{
    double scale = in->calm.clock.scale > 0 ? in->calm.clock.scale : 1;
    uint64_t quiet = rv_clock_now(&in->calm.clock) - in->heard_ms;
    double allowed = (double)in->quiet_s * 1000 * scale;
    if (allowed < QUIET_LEAST_MS)
        allowed = QUIET_LEAST_MS; /* as for every deadline: a scale makes a device faster, not this computer */
    if (in->image.started && !in->image.ended)
        return true; /* the image has a watchdog of its own */
    if ((double)quiet <= allowed)
        return true;
    rv_fail(err, RV_E_TIMEOUT, "the device said nothing for %.0f s%s%s", (double)quiet / 1000 / scale,
            in->failed_step[0] == '\0' ? "" : " after a failure in its step ", in->failed_step);
    rv_advise(err, RV_ADVICE_DEVICE_SILENT);
    return false;
}

/* Each message is a sign of life, so a device that never ends would be waited for without end. */
static bool check_patience(const struct rv_install *in, const struct rv_deadline *whole, unsigned messages,
                           struct rv_error *err)
{
    if (messages > RV_MESSAGES_MAX)
        rv_fail(err, RV_E_LIMIT, "the device sent more than %d messages", RV_MESSAGES_MAX);
    else if (rv_deadline_left_ms(whole) == 0)
        rv_fail(err, RV_E_TIMEOUT, "the device talks, but has not come to an end in %d hours%s%s",
                RV_WAIT_INSTALL_S / 3600, in->failed_step[0] == '\0' ? "" : ", after a failure in its step ",
                in->failed_step);
    else
        return true;
    rv_advise(err, RV_ADVICE_DEVICE_SILENT);
    return false;
}

static bool loop(struct rv_install *in, struct rv_error *err)
{
    bool ended = false;
    unsigned messages = 0;
    struct rv_deadline whole = rv_deadline_in(&in->calm.clock, RV_WAIT_INSTALL_S * 1000ULL);
    alive(in, RV_WAIT_QUIET_S);
    while (!ended) {
        if (!check_patience(in, &whole, messages, err) || !rv_aside_check(in, err))
            return false;
        bool sending = in->image.started && !in->image.ended;
        tell_noted(in);
        tell_gap(in);
        RV_AUTO_PLIST message = rv_restored_receive(in->control, TICK_MS, err);
        if (message == NULL && err->code != RV_E_TIMEOUT)
            return false;
        if (message != NULL) {
            messages++;
            alive(in, 0);
            if (!rv_install_hear(in, message, &ended, err))
                return false;
            continue;
        }
        memset(err, 0, sizeof *err); /* a quiet moment is no error */
        if (sending || rv_aside_working(in))
            alive(in, 0);
        show_image(in);
        if (!check_silence(in, err))
            return false;
    }
    return true;
}

/* ---- the step ---- */

static bool check_device(struct rv_install *in, struct rv_error *err)
{
    struct rv_error unknown = { 0 };
    RV_AUTO_PLIST hardware = rv_restored_value(in->control, "HardwareInfo", &unknown);
    uint64_t ecid = 0;
    int64_t negative = 0;
    if (hardware == NULL)
        return true; /* very old ones have none */
    /* Sent sign-extended by some releases. */
    if (!rv_plist_uint(hardware, "UniqueChipID", &ecid) && rv_plist_int(hardware, "UniqueChipID", &negative))
        ecid = (uint64_t)negative;
    if (ecid == 0 || ecid == in->r->device.identity.ecid)
        return true;
    return rv_fail(err, RV_E_PROTOCOL, "another device answers (ECID 0x%llX)", (unsigned long long)ecid);
}

static bool talk(struct rv_install *in, struct rv_error *err)
{
    in->control = rv_restored_open(&in->calm, &in->mux, RV_WAIT_OPEN_MS, err);
    if (in->control == NULL || !rv_restored_hello(in->control, &in->protocol, err) || !check_device(in, err))
        return false;
    struct rv_error unknown = { 0 };
    RV_AUTO_PLIST debug = rv_restored_value(in->control, "SavedDebugInfo", &unknown);
    if (debug != NULL)
        log_text(in, "how the attempt before ended", debug, "PreviousExitStatus");
    in->fdr = rv_fdr_start(&in->calm, &in->mux, &unknown);
    RV_AUTO_PLIST options = rv_restore_start_options(in->r, err);
    if (options == NULL || !rv_guard_identity(in->r->identity, in->r->options->behavior, err))
        return false;
    return rv_restored_start(in->control, options, in->protocol, err) && loop(in, err);
}

static void end_install(struct rv_install *in)
{
    rv_cancel_ask(&in->calm.cancel); /* wakes the threads that still wait for the device */
    rv_fdr_free(in->fdr);
    rv_image_join(in);
    rv_aside_end(in);
    rv_restored_free(in->control);
    rv_plist_auto(&in->baseband);
    rv_plist_auto(&in->assets);
    pthread_mutex_destroy(&in->lock);
    pthread_mutex_destroy(&in->sending);
    rv_cancel_clear(&in->calm.cancel);
}

/* Which of two failures to tell: the connection that broke, or the image that could not be sent before. */
static void name_cause(struct rv_install *in, struct rv_error *err)
{
    if (in->image.failed && in->image.err.code != RV_OK && err->code != RV_E_REFUSED && err->code != RV_E_CANCELLED)
        *err = in->image.err;
    if (err->code == RV_E_GONE || err->code == RV_E_TIMEOUT) {
        if (in->failed_step[0] != '\0')
            rv_while(err, "after the device had reported a failure in its step %s", in->failed_step);
        rv_advise(err, RV_ADVICE_REPLUG_RESTORE);
    }
    if (err->code == RV_E_GONE && err->apple == 0)
        rv_restore_lost(in->r, err);
    if ((err->code == RV_E_GONE || err->code == RV_E_TIMEOUT) && in->failed_result > 0 && in->failed_result < INT32_MAX)
        err->apple = (int32_t)in->failed_result; /* what came after it was only the end */
}

bool rv_step_install(struct rv_restore *r, struct rv_error *err)
{
    struct rv_install in = { .r = r, .calm = *r->ctx, .mux = r->device.mux, .quiet_s = RV_WAIT_QUIET_S };
    if (!rv_cancel_init(&in.calm.cancel, err))
        return false;
    pthread_mutex_init(&in.lock, NULL);
    pthread_mutex_init(&in.sending, NULL);
    bool fine = talk(&in, err);
    if (fine && in.image.failed)
        rv_log(r->ctx->log, RV_LOG_INFO, "restore", "the image connection ended with: %s", in.image.err.text[0]);
    end_install(&in);
    if (!fine) {
        name_cause(&in, err);
        return rv_while(err, "while the device installed");
    }
    if (in.unanswered.code != RV_OK)
        rv_tell_warning(r->ctx, "One request of the device could not be answered (%s); it went on without.",
                        in.unanswered.text[0]);
    return true;
}
