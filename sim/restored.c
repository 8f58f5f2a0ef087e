/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restored's port (62078 in Restore mode): framed property lists, the few requests a host may send before the
 * restore, and the 120 seconds within which it must send StartRestore. Request names, fields and framing as
 * libimobiledevice's restore.c sends them; the time limit is a line of the device log ("waiting for host to
 * trigger start of restore [timeout of 120 seconds]").
 */
#include "sim/restored.h"

#include "base/text.h"
#include "sim/restored_run.h"
#include "sim/services.h"
#include "sim/transcript.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_MAX = 4 * 1024 * 1024, START_MS = 120000, START_FLOOR_MS = 20000, TICK_MS = 50, IDLE_MS = 3600000 };

/* Devices whose restore runs: StartRestore is heard once. */
struct running {
    struct running *next;
    const struct sim_device *device;
};
static struct running *running_list;
static pthread_mutex_t running_lock = PTHREAD_MUTEX_INITIALIZER;

static struct running **find_running(const struct sim_device *device)
{
    struct running **at = &running_list;
    while (*at != NULL && (*at)->device != device)
        at = &(*at)->next;
    return at;
}

static bool is_running(const struct sim_device *device)
{
    pthread_mutex_lock(&running_lock);
    bool found = *find_running(device) != NULL;
    pthread_mutex_unlock(&running_lock);
    return found;
}

/* True for the first caller. The entry is the caller's and lives until release_running(). */
static bool claim_running(struct running *mine)
{
    pthread_mutex_lock(&running_lock);
    struct running **at = find_running(mine->device);
    bool first = *at == NULL;
    if (first)
        *at = mine;
    pthread_mutex_unlock(&running_lock);
    return first;
}

static void release_running(struct running *mine)
{
    pthread_mutex_lock(&running_lock);
    *find_running(mine->device) = mine->next;
    pthread_mutex_unlock(&running_lock);
}

/* ---- the limit for StartRestore ---- */

static unsigned start_limit_ms(struct sim_device *device)
{
    char text[24];
    uint64_t ms = 0;
    if (sim_setting(device, "restored.start_ms", text, sizeof text) && rv_text_number(text, 10, &ms))
        return (unsigned)ms;
    /* A host's own work does not run at the device's time scale: leave it room. */
    double scaled = START_MS * sim_time_scale(device);
    return scaled < START_FLOOR_MS ? START_FLOOR_MS : (unsigned)scaled;
}

static void wait_for_start(struct sim_device *device)
{
    unsigned generation = 0;
    if (sim_device_mode(device, &generation) != SIM_RESTORE)
        return;
    unsigned limit = start_limit_ms(device);
    sim_record(device, "restored", "waiting for host to trigger start of restore [timeout of 120 seconds]");
    for (unsigned waited = 0; waited < limit; waited += TICK_MS) {
        struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
        nanosleep(&tick, NULL);
        unsigned now = 0;
        if (sim_device_mode(device, &now) != SIM_RESTORE || now != generation || is_running(device))
            return;
    }
    sim_record(device, "restored", "no host started the restore: rebooting");
    sim_device_reboot(device, "StartRestore did not come in time");
}

void sim_restored_begin(struct sim_device *device)
{
    if (!sim_services_run(device, wait_for_start))
        sim_record(device, "restored", "no thread for the start limit: waiting without one");
}

/* ---- requests ---- */

static plist_t hardware_info(const struct sim_identity *identity)
{
    plist_t info = plist_new_dict();
    plist_dict_set_item(info, "BoardID", plist_new_uint(identity->board));
    plist_dict_set_item(info, "ChipID", plist_new_uint(identity->chip));
    plist_dict_set_item(info, "UniqueChipID", plist_new_uint(identity->ecid));
    plist_dict_set_item(info, "ProductionMode", plist_new_bool(1));
    plist_dict_set_item(info, "SupportsImage4", plist_new_bool(1));
    return info;
}

static plist_t saved_debug_info(struct sim_device *device)
{
    plist_t info = plist_new_dict();
    char text[64];
    if (sim_nvram_get(device, "restored-exit-status", text, sizeof text))
        plist_dict_set_item(info, "PreviousExitStatus", plist_new_string(text));
    return info;
}

static plist_t value_of(struct restored *r, const char *key)
{
    if (key == NULL)
        return NULL;
    if (strcmp(key, "HardwareInfo") == 0)
        return hardware_info(&r->identity);
    if (strcmp(key, "SavedDebugInfo") == 0)
        return saved_debug_info(r->device);
    if (strcmp(key, "HardwareModel") == 0)
        return plist_new_string(r->identity.model);
    if (strcmp(key, "SerialNumber") == 0)
        return plist_new_string(r->identity.serial);
    if (strcmp(key, "RestoreProtocolVersion") == 0)
        return plist_new_uint(r->generation->protocol);
    return NULL;
}

static plist_t answer_query_type(struct restored *r, plist_t request)
{
    (void)request;
    plist_t answer = plist_new_dict();
    plist_dict_set_item(answer, "Request", plist_new_string("QueryType"));
    plist_dict_set_item(answer, "Result", plist_new_string("Success"));
    plist_dict_set_item(answer, "Type", plist_new_string("com.apple.mobile.restored"));
    plist_dict_set_item(answer, "RestoreProtocolVersion", plist_new_uint(r->generation->protocol));
    plist_dict_set_item(answer, "HardwareModel", plist_new_string(r->identity.model));
    plist_dict_set_item(answer, "SerialNumber", plist_new_string(r->identity.serial));
    return answer;
}

static plist_t answer_query_value(struct restored *r, plist_t request)
{
    const char *key = sim_plist_text(request, "QueryKey");
    plist_t value = value_of(r, key);
    plist_t answer = plist_new_dict();
    plist_dict_set_item(answer, "Request", plist_new_string("QueryValue"));
    plist_dict_set_item(answer, "Result", plist_new_string(value != NULL ? "Success" : "Failure"));
    if (value != NULL)
        plist_dict_set_item(answer, key, value);
    return answer;
}

/* Not a request of restored; clients that mistake it for lockdown are told what they ask. [I] */
static plist_t answer_get_value(struct restored *r, plist_t request)
{
    const char *key = sim_plist_text(request, "Key");
    plist_t value = value_of(r, key);
    plist_t answer = plist_new_dict();
    plist_dict_set_item(answer, "Request", plist_new_string("GetValue"));
    plist_dict_set_item(answer, "Result", plist_new_string(value != NULL ? "Success" : "Failure"));
    if (value != NULL) {
        plist_dict_set_item(answer, "Key", plist_new_string(key));
        plist_dict_set_item(answer, "Value", value);
    }
    return answer;
}

static plist_t answer_success(struct restored *r, plist_t request)
{
    (void)r;
    plist_t answer = plist_new_dict();
    const char *name = sim_plist_text(request, "Request");
    plist_dict_set_item(answer, "Request", plist_new_string(name != NULL ? name : ""));
    plist_dict_set_item(answer, "Result", plist_new_string("Success"));
    return answer;
}

enum after { GO_ON, HANG_UP, REBOOT };
static const struct request {
    const char *name;
    plist_t (*answer)(struct restored *r, plist_t request);
    enum after after;
} requests[] = {
    { "GetValue", answer_get_value, GO_ON },   { "Goodbye", answer_success, HANG_UP },
    { "QueryType", answer_query_type, GO_ON }, { "QueryValue", answer_query_value, GO_ON },
    { "Reboot", answer_success, REBOOT },
};

static enum after answer_request(struct restored *r, plist_t request, const char *name)
{
    const struct request *row = NULL;
    for (size_t i = 0; i < RV_COUNT(requests); i++)
        if (strcmp(requests[i].name, name) == 0)
            row = &requests[i];
    plist_t answer;
    if (row != NULL) {
        answer = row->answer(r, request);
    } else {
        answer = plist_new_dict();
        plist_dict_set_item(answer, "Request", plist_new_string(name));
        plist_dict_set_item(answer, "Result", plist_new_string("Failure"));
    }
    sim_record(r->device, "restored", "request %s", name);
    struct rv_error err = { 0 };
    bool sent = restored_send(r, answer, &err);
    if (row != NULL && row->after == REBOOT) {
        sim_record(r->device, "restored", "the host asked for a reboot");
        sim_device_reboot(r->device, "Reboot asked of restored");
        return REBOOT;
    }
    return sent && row != NULL ? row->after : sent ? GO_ON : HANG_UP;
}

/* StartRestore: from here on the device asks. */
static void start_restore(struct restored *r, plist_t request)
{
    struct running mine = { .device = r->device };
    if (!claim_running(&mine)) {
        sim_record(r->device, "restored", "a second StartRestore was refused");
        return;
    }
    sim_record(r->device, "restored", "StartRestore for %s (%s)", r->boot->version,
               r->boot->erase ? "Erase" : "Update");
    r->options = plist_dict_get_item(request, "RestoreOptions");
    restored_drive(r);
    r->options = NULL;
    release_running(&mine);
}

static void serve_requests(struct restored *r)
{
    for (;;) {
        plist_t request = sim_wire_plist_read(&r->wire, REQUEST_MAX, IDLE_MS);
        if (request == NULL)
            return;
        const char *name = plist_get_node_type(request) == PLIST_DICT ? sim_plist_text(request, "Request") : NULL;
        bool start = name != NULL && strcmp(name, "StartRestore") == 0;
        enum after after = HANG_UP;
        if (start)
            start_restore(r, request);
        else
            after = answer_request(r, request, name != NULL ? name : "");
        plist_free(request);
        if (after != GO_ON)
            return;
    }
}

void sim_restored_serve(struct sim_device *device, int fd)
{
    const struct sim_boot *boot = sim_device_boot(device);
    if (boot != NULL) {
        struct restored *r = rv_alloc(sizeof *r);
        if (r != NULL) {
            *r = (struct restored){ .device = device, .boot = boot };
            r->wire = (struct sim_wire){
                .fd = fd, .device = device, .heard = sim_device_transcript(device), .who = "restored"
            };
            r->log = (struct rv_buf)RV_BUF(1024 * 1024);
            r->generation = restored_generation_for(boot->version);
            sim_device_identity(device, &r->identity);
            r->device_word = (uint32_t)(r->identity.ecid * 2654435761u);
            pthread_mutex_init(&r->lock, NULL);
            serve_requests(r);
            restored_forget_images(r);
            plist_free(r->manifest);
            pthread_mutex_destroy(&r->lock);
            rv_buf_clear(&r->log);
            rv_free(r);
        }
    }
    close(fd);
}
