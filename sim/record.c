/* SPDX-License-Identifier: Apache-2.0 */
/* The device's own record: what it saw and did, one JSON line each, for tests to hold clients against. */
#include "sim/json.h"
#include "sim/model.h"

#include "base/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void sim_record(struct sim_device *device, const char *what, const char *fmt, ...)
{
    char text[600], quoted[1400], line[1600];
    va_list args;
    sim_cut_event(device);
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    sim_json_text(text, quoted, sizeof quoted);
    int len = snprintf(line, sizeof line, "{\"ms\":%llu,\"event\":%llu,\"what\":\"%s\",\"text\":\"%s\"}\n",
                       (unsigned long long)sim_now_ms(), (unsigned long long)sim_cut_events(device), what, quoted);
    if (len < 0 || (size_t)len >= sizeof line)
        return;
    pthread_mutex_lock(&device->record_lock);
    struct rv_error ignored = { 0 }; /* a full disk must not stop the phone */
    if (device->record_fd >= 0)
        (void)rv_fd_write_all(device->record_fd, rv_span(line, (size_t)len), &ignored);
    pthread_mutex_unlock(&device->record_lock);
}
