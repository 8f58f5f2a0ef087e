/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one loop that walks restored's table: operations, checkpoints, the device log, faults to order, what
 * happens after a failure, and the final status. Message shapes as public clients read them (restore protocol
 * notes 2.2, 2.5); the log's grammar is that of real device logs.
 */
#include "sim/restored_run.h"

#include "base/text.h"
#include "sim/model.h"
#include "sim/services.h"
#include "sim/transcript.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPLY_MAX = 256 * 1024 * 1024, PATIENCE_MS = 600000, PATIENCE_FLOOR_MS = 60000, STALL_MS = 3600000 };
enum { FINAL_MS = 30000, SKIPPED_MAX = 64, PREVIOUS_EXIT = 0x100 };

/* ---- faults ---- */

bool sim_fault_take(struct sim_device *device, const char *name, char *out, size_t out_size)
{
    sim_lock(device);
    bool struck = sim_fault_locked(device, name, out, out_size);
    sim_unlock(device);
    return struck;
}

bool sim_fault_at(struct sim_device *device, const char *name, const char *point)
{
    char key[64], value[128];
    snprintf(key, sizeof key, "fault.%s", name);
    if (!sim_setting(device, key, value, sizeof value))
        return false;
    /* "POINT", "POINT:NUMBER", and fault.c's own " xN" or " pN" behind it. */
    size_t len = strlen(point);
    if (strncmp(value, point, len) != 0 || strchr(": ", value[len]) == NULL)
        return false;
    return sim_fault_take(device, name, value, sizeof value);
}

/* ---- the device log ---- */

void restored_log(struct restored *r, const char *fmt, ...)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm tm;
    gmtime_r(&now.tv_sec, &tm);
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct rv_error err = { 0 };
    pthread_mutex_lock(&r->lock);
    /* A full log only loses its end. */
    (void)rv_buf_add_format(&r->log, &err, "[%02d:%02d:%02d.%04ld-GMT]{3>6} %s\n", tm.tm_hour, tm.tm_min, tm.tm_sec,
                            now.tv_nsec / 100000, text);
    pthread_mutex_unlock(&r->lock);
}

/* ---- messages ---- */

int restored_patience_ms(struct restored *r)
{
    char text[24];
    uint64_t ms = 0;
    if (sim_setting(r->device, "restored.reply_ms", text, sizeof text) && rv_text_number(text, 10, &ms) &&
        ms < INT32_MAX)
        return (int)ms;
    /* How long a device waits is not known [I]; the host's own work does not run at the device's time scale. */
    double scaled = PATIENCE_MS * sim_time_scale(r->device);
    return scaled < PATIENCE_FLOOR_MS ? PATIENCE_FLOOR_MS : (int)scaled;
}

static bool lose_host(struct restored *r, struct rv_error *err, const char *what)
{
    r->lost = true;
    restored_log(r, "%s", what);
    return rv_fail(err, RV_E_GONE, "%s", what);
}

bool restored_send(struct restored *r, plist_t take_message, struct rv_error *err)
{
    pthread_mutex_lock(&r->lock);
    bool sent = !r->lost && sim_wire_plist_write(&r->wire, take_message);
    pthread_mutex_unlock(&r->lock);
    plist_free(take_message);
    return sent || lose_host(r, err, "could not send message: connection closed");
}

plist_t restored_receive(struct restored *r, struct rv_error *err)
{
    for (unsigned skipped = 0; skipped < SKIPPED_MAX && !r->lost; skipped++) {
        plist_t message = sim_wire_plist_read(&r->wire, REPLY_MAX, restored_patience_ms(r));
        if (message == NULL || plist_get_node_type(message) != PLIST_DICT) {
            plist_free(message);
            break;
        }
        const char *type = sim_plist_text(message, "MsgType");
        if (type == NULL)
            return message;
        sim_record(r->device, "restored", "the host said %s while an answer was due", type);
        plist_free(message);
    }
    lose_host(r, err, "could not receive message");
    return NULL;
}

plist_t restored_message(const char *type)
{
    plist_t message = plist_new_dict();
    plist_dict_set_item(message, "MsgType", plist_new_string(type));
    return message;
}

bool restored_ask(struct restored *r, const char *type, plist_t take_arguments, struct rv_error *err)
{
    plist_t message = restored_message("DataRequestMsg");
    plist_dict_set_item(message, "DataType", plist_new_string(type));
    if (take_arguments != NULL)
        plist_dict_set_item(message, "Arguments", take_arguments);
    sim_record(r->device, "request", "%s", type);
    sim_transcript_text(r->wire.heard, r->wire.who, "asked", type);
    return restored_send(r, message, err) || rv_while(err, "asking the host for %s", type);
}

plist_t restored_fetch(struct restored *r, const char *type, plist_t take_arguments, struct rv_error *err)
{
    if (!restored_ask(r, type, take_arguments, err))
        return NULL;
    plist_t answer = restored_receive(r, err);
    if (answer == NULL)
        rv_while(err, "waiting for %s", type);
    return answer;
}

bool restored_image_progress(struct restored *r, int percent, struct rv_error *err)
{
    char context[40];
    snprintf(context, sizeof context, "%08X-0000-4000-8000-00000000065B", r->device_word);
    plist_t message = restored_message("ProgressMsg");
    plist_dict_set_item(message, "Operation", plist_new_uint(13));
    plist_dict_set_item(message, "Progress", plist_new_uint((uint64_t)percent));
    plist_dict_set_item(message, "AsyncContextUUID", plist_new_string(context));
    return restored_send(r, message, err);
}

bool restored_progress(struct restored *r, unsigned operation, int progress, struct rv_error *err)
{
    plist_t message = restored_message("ProgressMsg");
    plist_dict_set_item(message, "Operation", plist_new_uint(operation));
    plist_dict_set_item(message, "Progress", plist_new_uint((uint64_t)(int64_t)progress));
    return restored_send(r, message, err);
}

/* What public clients saw above the step's number: nothing, one bit, or a word of somebody's memory. */
static uint64_t checkpoint_id(const struct restored *r, const struct restored_step *step)
{
    static const uint32_t words[] = { 0,          0,          1,          0x90, 7,    0x7fffffff,
                                      0x2e8f8439, 0x6c707041, 0xffffffff, 0,    0x16, 0xb9cf0b62 };
    uint32_t mixed = (uint32_t)(step->checkpoint * 2654435761u) ^ (uint32_t)r->identity.ecid;
    switch (r->generation->dirt) {
    case DIRT_BIT:
        return step->checkpoint | (uint64_t)(mixed >> 7 & 1) << 32;
    case DIRT_WORD:
        return step->checkpoint | (uint64_t)words[(mixed >> 5) % RV_COUNT(words)] << 32;
    case DIRT_NONE:
        break;
    }
    return step->checkpoint;
}

static bool send_checkpoint(struct restored *r, const struct restored_step *step, int result, bool complete,
                            struct rv_error *err)
{
    const struct restored_generation *how = r->generation;
    if (step->checkpoint == 0 || (!complete && !how->checkpoint_names))
        return true;
    plist_t message = restored_message("CheckpointMsg");
    plist_dict_set_item(message, "CHECKPOINT_ID", plist_new_uint(checkpoint_id(r, step)));
    plist_dict_set_item(message, "CHECKPOINT_RESULT", plist_new_uint((uint64_t)(int64_t)result));
    if (how->checkpoint_names)
        plist_dict_set_item(message, "CHECKPOINT_NAME", plist_new_string(step->name));
    if (how->checkpoint_ends)
        plist_dict_set_item(message, "CHECKPOINT_COMPLETE", plist_new_bool(complete));
    return restored_send(r, message, err);
}

/* ---- faults of the conversation ---- */

static bool send_raw(struct restored *r, uint32_t length, const char *body, struct rv_error *err)
{
    uint8_t head[4];
    rv_put_u32be(head, length);
    if (!sim_wire_write(&r->wire, rv_span(head, sizeof head)) || !sim_wire_write(&r->wire, rv_span(body, strlen(body))))
        return lose_host(r, err, "could not send message: connection closed");
    return true;
}

/* Says nothing more; ends when the host goes, or the device leaves the bus. */
static bool stall(struct restored *r, struct rv_error *err)
{
    struct pollfd wait = { .fd = r->wire.fd, .events = POLLRDHUP };
    (void)poll(&wait, 1, STALL_MS);
    return lose_host(r, err, "the device stalled until the host went away");
}

static bool ordered_status(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    char value[128] = "";
    sim_setting(r->device, "fault.restored.status", value, sizeof value);
    const char *colon = strrchr(value, ':');
    long number = colon != NULL ? strtol(colon + 1, NULL, 10) : step->status; /* what follows the digits is fault.c's */
    if (!sim_fault_at(r->device, "restored.status", step->name))
        return true;
    rv_fail(err, RV_E_REFUSED, "ordered failure in %s", step->name);
    err->apple = (int32_t)number;
    return false;
}

static bool unknown_request(struct restored *r, struct rv_error *err)
{
    plist_t answer = restored_fetch(r, "DataNobodyHasHeardOf", NULL, err);
    bool answered = answer != NULL;
    plist_free(answer);
    return answered;
}

static bool faults_before(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    struct sim_device *device = r->device;
    if (sim_fault_at(device, "restored.vanish", step->name)) {
        r->lost = true; /* the restore fails for want of a host, and the device reboots in the dark */
        sim_device_unplug(device);
        return rv_fail(err, RV_E_GONE, "the cable was pulled at %s", step->name);
    }
    if (sim_fault_at(device, "restored.reboot", step->name)) {
        r->rebooting = true;
        r->lost = true;
        sim_device_reboot(device, "a fault ordered a reboot in the middle of the restore");
        return rv_fail(err, RV_E_GONE, "the device rebooted at %s", step->name);
    }
    if (sim_fault_at(device, "restored.stall", step->name))
        return stall(r, err);
    if (sim_fault_at(device, "restored.malformed", step->name) && !send_raw(r, 19, "<plist><dict></plis", err))
        return false;
    if (sim_fault_at(device, "restored.oversize", step->name) && !send_raw(r, 0xFFFFFFF0u, "<plist>", err))
        return false;
    if (sim_fault_at(device, "restored.unknown_message", step->name) &&
        !restored_send(r, restored_message("MessageNobodyHasHeardOf"), err))
        return false;
    if (!restored_lie(r, step->name, err))
        return false;
    if (sim_fault_at(device, "restored.unknown_request", step->name) && !unknown_request(r, err))
        return false;
    return ordered_status(r, step, err);
}

/* ---- steps ---- */

static bool send_operation(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    if (step->op_flags & OP_IMAGE)
        return restored_image_progress(r, 0, err);
    int progress = step->op_flags & OP_PERCENT ? 0 : step->op_flags & OP_VALUE ? step->progress : -1;
    for (unsigned i = 0; i < step->times; i++) {
        if (!restored_progress(r, step->operation, progress, err))
            return false;
        sim_pause(r->device, step->ms / step->times);
    }
    return true;
}

static bool do_step(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    bool after = step->op_flags & OP_AFTER;
    if (!after && !send_operation(r, step, err))
        return false;
    if (step->times == 0)
        sim_pause(r->device, step->ms);
    if (step->run != NULL && !step->run(r, step, err))
        return false;
    if (after && !send_operation(r, step, err))
        return false;
    return !(step->op_flags & OP_PERCENT) || restored_progress(r, step->operation, 100, err);
}

/* "[0]D(outermost)[1]D(…)": the chain of causes as device logs write it. */
static void log_failure(struct restored *r, const struct restored_step *step, int status, const struct rv_error *err)
{
    char chain[400] = "";
    size_t at = 0;
    for (unsigned i = 0; i < err->depth && at < sizeof chain; i++) {
        int n = snprintf(chain + at, sizeof chain - at, "[%u]D(%s)", i, err->text[err->depth - 1 - i]);
        at += n > 0 ? (size_t)n : 0;
    }
    restored_log(r, "CHECKPOINT FAILURE:(FAILURE:%d) RESTORED:[0x%04X] %s %s", status, step->checkpoint, step->name,
                 chain);
    restored_log(r, "restore-step-results = {0x1107%04X:{0:%d}}", step->checkpoint, status);
    restored_log(r, "restore-step-error = {0x1107%04X:\"%s\"}", step->checkpoint, chain);
}

static bool begin_step(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    r->now = step;
    sim_record(r->device, "step", "%s", step->name);
    restored_log(r, "CHECKPOINT BEGIN: RESTORED:[0x%04X] %s", step->checkpoint, step->name);
    if (r->open_count == RESTORED_OPEN_MAX)
        return rv_fail(err, RV_E_LIMIT, "steps are nested too deep");
    r->open[r->open_count++] = step;
    return send_checkpoint(r, step, 0, false, err) && faults_before(r, step, err);
}

static bool end_step(struct restored *r, struct rv_error *err)
{
    const struct restored_step *step = r->open[--r->open_count];
    r->now = r->open_count > 0 ? r->open[r->open_count - 1] : step;
    restored_log(r, "CHECKPOINT END: RESTORED:[0x%04X] %s", step->checkpoint, step->name);
    return send_checkpoint(r, step, 0, true, err);
}

/* Every checkpoint that was open ends with the number of the one that failed, from the inside out. */
static void fail_steps(struct restored *r, const struct restored_step *step, const struct rv_error *err)
{
    const struct restored_step *open = r->open_count > 0 ? r->open[r->open_count - 1] : step;
    int status = err->apple != 0 ? err->apple : step->status != 0 ? step->status : open->status;
    r->status = status != 0 ? status : -1;
    sim_record(r->device, "failure", "%s: status %d: %s", open->name, r->status, err->depth > 0 ? err->text[0] : "");
    while (r->open_count > 0) {
        struct rv_error ignored = { 0 };
        open = r->open[--r->open_count];
        log_failure(r, open, r->status, err);
        if (!r->lost)
            (void)send_checkpoint(r, open, r->status, true, &ignored);
    }
}

static bool run_step(struct restored *r, const struct restored_step *step)
{
    struct rv_error err = { 0 };
    bool done = false;
    switch (step->kind) {
    case STEP_WHOLE:
        done = begin_step(r, step, &err) && do_step(r, step, &err) && end_step(r, &err);
        break;
    case STEP_OPEN:
        done = begin_step(r, step, &err) && do_step(r, step, &err);
        break;
    case STEP_CLOSE:
        done = end_step(r, &err);
        break;
    case STEP_LINE:
        done = do_step(r, step, &err);
        break;
    }
    if (!done)
        fail_steps(r, step, &err);
    return done;
}

static bool wanted(const struct restored *r, const struct restored_step *step)
{
    if (step->when & ON_HOST_CHECK)
        return r->host_check != NULL;
    if (step->when & (ON_FIRST | ON_SECOND) && !(step->when & r->generation->member))
        return false;
    if (step->when & ON_CHIP && !restored_has_chip(r, step->what))
        return false;
    return (step->when & (r->boot->erase ? ON_ERASE : ON_UPDATE)) != 0;
}

static bool run_table(struct restored *r, const struct restored_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (wanted(r, &steps[i]) && !run_step(r, &steps[i]))
            return false;
    return true;
}

/* ---- the end ---- */

static bool wait_for_final_status(struct restored *r)
{
    double scaled = FINAL_MS * sim_time_scale(r->device);
    int patience = scaled < FINAL_MS / 3.0 ? FINAL_MS / 3 : (int)scaled;
    for (unsigned i = 0; i < SKIPPED_MAX; i++) {
        plist_t message = sim_wire_plist_read(&r->wire, 1024 * 1024, patience);
        if (message == NULL)
            return false;
        const char *type = plist_get_node_type(message) == PLIST_DICT ? sim_plist_text(message, "MsgType") : NULL;
        bool final = type != NULL && strcmp(type, "ReceivedFinalStatusMsg") == 0;
        plist_free(message);
        if (final)
            return true;
    }
    return false;
}

static void send_final_status(struct restored *r)
{
    static const struct restored_step final = { 0x0648, "cleanup_send_final_status", ON_BOTH };
    struct rv_error err = { 0 };
    restored_log(r, "CHECKPOINT BEGIN: RESTORED:[0x%04X] %s", final.checkpoint, final.name);
    (void)send_checkpoint(r, &final, 0, false, &err); /* its end is never sent */
    (void)rv_buf_add(&r->log, rv_span("", 1), &err);
    plist_t message = restored_message("StatusMsg");
    plist_dict_set_item(message, "Status", plist_new_uint((uint64_t)(int64_t)r->status));
    if (r->status != 0) {
        plist_dict_set_item(message, "AMRError", plist_new_uint((uint64_t)(int64_t)r->status));
        char *log = rv_text_copy_n((const char *)r->log.data, r->log.len > 0 ? r->log.len - 1 : 0);
        plist_dict_set_item(message, "Log", plist_new_string(log != NULL ? log : ""));
        rv_free(log);
    }
    sim_record(r->device, "status", "%d", r->status);
    if (!restored_send(r, message, &err) || !wait_for_final_status(r))
        sim_record(r->device, "restored", "the host did not acknowledge the final status");
    else
        sim_record(r->device, "restored", "ReceivedFinalStatusMsg");
}

/* What the next attempt's SavedDebugInfo and PreviousRestoreLogMsg tell. */
static void remember_failure(struct restored *r)
{
    char path[4096], text[24];
    struct rv_error err = { 0 };
    snprintf(text, sizeof text, "0x%x", PREVIOUS_EXIT);
    sim_nvram_set(r->device, "restored-exit-status", text, true);
    sim_nvram_set(r->device, "auto-boot", "false", true);
    if (!sim_storage_path(r->device, "restore.log", path, sizeof path))
        return;
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return;
    (void)fwrite(r->log.data, 1, r->log.len, file);
    (void)fclose(file);
    (void)err;
}

void restored_drive(struct restored *r)
{
    char text[24];
    r->skip_write = sim_setting(r->device, "skip_write", text, sizeof text) && strcmp(text, "yes") == 0;
    if (sim_setting(r->device, "restored.host_check", text, sizeof text) && strcmp(text, "yes") == 0)
        r->host_check = restored_host_check();
    else if (r->generation->data_needs != NULL)
        r->host_check = r->generation;
    bool whole = run_table(r, r->generation->steps, r->generation->step_count);
    r->ending = true;
    struct rv_error ignored = { 0 };
    if (r->image != NULL)
        (void)sim_asr_await(r, &ignored);
    if (r->rebooting) {
        remember_failure(r);
        return;
    }
    if (!whole) {
        if (r->status == 0)
            r->status = -1;
        if (!r->lost)
            (void)run_table(r, r->generation->cleanup, r->generation->cleanup_count);
        sim_pause(r->device, 1000);
    }
    if (!r->lost)
        send_final_status(r);
    /* A host that left after the last step found everything written: the device starts all the same. [I] */
    if (r->status != 0)
        remember_failure(r);
    sim_device_reboot(r->device, r->status == 0 ? "the restore is done" : "the restore failed");
}
