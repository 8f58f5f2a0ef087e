/* SPDX-License-Identifier: Apache-2.0 */
/* The transcript's view of DFU and Recovery mode: commands and control transfers one by one, an upload as one line. */
#include "base/text.h"
#include "sim/json.h"
#include "sim/model.h"
#include "sim/transcript.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_MAX = 4096, DNLOAD = 1, GETSTATUS = 3 };

void sim_transcript_forget_upload_locked(struct sim_device *device)
{
    device->upload_seen = (struct sim_upload_seen){ 0 };
}

static void end_upload(struct sim_device *device, const char *on)
{
    const struct sim_upload_seen *seen = &device->upload_seen;
    RV_AUTO_CLEAR(rv_buf) value = RV_BUF(VALUE_MAX);
    struct rv_error err = { 0 };
    if (seen->transfers == 0)
        return;
    if (rv_buf_add_text(&value, "{", &err) && sim_json_add_digest(&value, rv_buf_span(&device->upload), &err) &&
        rv_buf_add_format(&value, &err, ",\"transfers\":%u,\"largest\":%zu,\"empty_transfer\":%s,\"status_reads\":%u}",
                          seen->transfers, seen->largest, seen->empty_transfer ? "true" : "false", seen->status_reads))
        sim_transcript_line(device->transcript, on, "upload", rv_buf_span(&value));
    sim_transcript_forget_upload_locked(device);
}

static void count_transfer(struct sim_upload_seen *seen, size_t len)
{
    seen->transfers++;
    if (len == 0)
        seen->empty_transfer = true;
    if (len > seen->largest)
        seen->largest = len;
}

void sim_transcript_bulk_locked(struct sim_device *device, uint8_t endpoint, size_t len)
{
    struct sim_transcript *t = device->transcript;
    if (t == NULL || device->mode != SIM_RECOVERY)
        return;
    if (endpoint == 0x04)
        count_transfer(&device->upload_seen, len);
    else
        sim_transcript_number(t, "recovery", "console", len);
}

static void write_control(struct sim_device *device, const char *on, const uint8_t setup[8], const uint8_t *data,
                          size_t len)
{
    RV_AUTO_CLEAR(rv_buf) value = RV_BUF(VALUE_MAX);
    struct rv_error err = { 0 };
    char hex[17], text[256] = "";
    bool command = strcmp(on, "recovery") == 0 && setup[0] == 0x40 && len > 0;
    rv_text_hex(rv_span(setup, 8), hex, sizeof hex);
    bool fine = rv_buf_add_format(&value, &err, "{\"setup\":\"%s\"", hex);
    if (command) {
        snprintf(text, sizeof text, "%.*s", (int)strnlen((const char *)data, len), (const char *)data);
        fine = fine && rv_buf_add_text(&value, ",\"text\":", &err) && sim_json_add_text(&value, text, &err);
    }
    if (fine && rv_buf_add_text(&value, "}", &err))
        sim_transcript_line(device->transcript, on, command ? "command" : "control", rv_buf_span(&value));
}

/* True: the transfer is one of those that an upload is made of, and counted. */
static bool is_download(struct sim_device *device, const uint8_t setup[8], size_t len)
{
    struct sim_upload_seen *seen = &device->upload_seen;
    if (setup[0] == 0x21 && setup[1] == DNLOAD && len > 0) {
        count_transfer(seen, len);
        return true;
    }
    if (setup[0] == 0xA1 && setup[1] == GETSTATUS && seen->transfers > 0) {
        seen->status_reads++;
        return true;
    }
    return false;
}

void sim_transcript_control_locked(struct sim_device *device, const uint8_t setup[8], const uint8_t *data, size_t len)
{
    if (device->transcript == NULL || !device->shown || (device->mode != SIM_RECOVERY && device->mode != SIM_DFU))
        return;
    bool dfu = device->mode == SIM_DFU;
    const char *on = dfu ? "dfu" : "recovery";
    if ((setup[0] & 0x60) == 0) {
        write_control(device, "usb", setup, data, len);
        return;
    }
    if (dfu && is_download(device, setup, len))
        return;
    end_upload(device, on);
    write_control(device, on, setup, data, len);
}

static void on_event(void *context, const struct sim_event *event)
{
    static const char *const modes[] = { "off", "normal", "recovery", "dfu", "restore" };
    if (event->kind == SIM_ATTACHED)
        sim_transcript_text(context, "device", "attached", modes[event->mode]);
}

bool sim_device_transcribe(struct sim_device *device, const char *path, struct rv_error *err)
{
    struct sim_transcript *t = sim_transcript_new(path, err);
    if (t == NULL)
        return false;
    sim_lock(device);
    device->transcript = t;
    sim_unlock(device);
    sim_device_listen(device, on_event, t);
    return true;
}
