/* SPDX-License-Identifier: Apache-2.0 */
/* End point 0 and the bulk pipes: standard requests here, the rest to the protocol of the mode. */
#include "sim/model.h"

#include "sim/services.h"
#include "sim/transcript.h"

#include <errno.h>
#include <string.h>

enum { CLEAR_FEATURE = 1, SET_FEATURE = 3, GET_DESCRIPTOR = 6, GET_CONFIGURATION = 8, SET_CONFIGURATION = 9 };
enum { GET_STATUS = 0, GET_INTERFACE = 10, SET_INTERFACE = 11 };
enum { EP_UPLOAD = 0x04, EP_MUX_OUT = 0x04, EP_MUX_IN = 0x85 };

static int get_descriptor(struct sim_device *device, const uint8_t setup[8], uint8_t *data, size_t len)
{
    size_t n = 0;
    if (setup[3] == 1)
        n = sim_device_descriptor_locked(device, data, len);
    else if (setup[3] == 2)
        n = sim_config_descriptor_locked(device, setup[2], data, len);
    else if (setup[3] == 3 && !sim_fault_locked(device, "stall_strings", NULL, 0))
        n = sim_string_descriptor_locked(device, setup[2], data, len);
    return n != 0 ? (int)n : -EPIPE;
}

static int answer_byte(uint8_t value, uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    data[0] = value;
    return 1;
}

static int standard(struct sim_device *device, const uint8_t setup[8], uint8_t *data, size_t len)
{
    switch (setup[1]) {
    case GET_DESCRIPTOR:
        return get_descriptor(device, setup, data, len);
    case SET_CONFIGURATION:
        device->configuration = setup[2];
        return 0;
    case GET_CONFIGURATION:
        return answer_byte(device->configuration, data, len);
    case SET_INTERFACE:
        device->alternate = setup[2];
        return 0;
    case GET_INTERFACE:
        return answer_byte(device->alternate, data, len);
    case GET_STATUS:
        if (len < 2)
            return -EPIPE;
        data[0] = setup[0] == 0x82 && setup[4] == EP_UPLOAD && device->halted;
        data[1] = 0;
        return 2;
    case CLEAR_FEATURE:
        if (setup[0] == 0x02 && setup[4] == EP_UPLOAD)
            device->halted = false;
        return 0;
    case SET_FEATURE:
        return 0;
    default:
        return -EPIPE;
    }
}

static int control_locked(struct sim_device *device, const uint8_t setup[8], uint8_t *data, size_t len)
{
    if (!device->shown)
        return -ENODEV;
    device->idle_since_ms = sim_now_ms();
    if ((setup[0] & 0x60) == 0)
        return standard(device, setup, data, len);
    if (device->mode == SIM_RECOVERY)
        return sim_iboot_control_locked(device, setup, data, len);
    if (device->mode == SIM_DFU)
        return sim_dfu_control_locked(device, setup, data, len);
    /* Mode switching by vendor request (0x45, 0x52) stalls, as on phones before it existed. */
    return -EPIPE;
}

int sim_usb_control(struct sim_device *device, const uint8_t setup[8], uint8_t *data, size_t len)
{
    if ((setup[0] & 0x60) != 0)
        sim_cut_event(device); /* not what a host asks again and again while it looks who is there */
    sim_lock(device);
    sim_transcript_control_locked(device, setup, data, len);
    int rc = control_locked(device, setup, data, len);
    sim_unlock(device);
    return rc;
}

/* The link is made at the first transfer of an attach and dies with it. */
static int mux_out(struct sim_device *device, const uint8_t *data, size_t len)
{
    pthread_mutex_lock(&device->link_lock);
    if (device->link == NULL)
        device->link = sim_mux_link_new(device, sim_wake_readers, device);
    if (device->link != NULL)
        sim_mux_link_out(device->link, data, len);
    int rc = device->link != NULL ? (int)len : -EPIPE;
    pthread_mutex_unlock(&device->link_lock);
    return rc;
}

int sim_usb_bulk_out(struct sim_device *device, uint8_t endpoint, const uint8_t *data, size_t len)
{
    sim_cut_event(device);
    sim_lock(device);
    bool system = device->mode == SIM_NORMAL || device->mode == SIM_RESTORE;
    bool shown = device->shown;
    int rc = -EPIPE;
    if (shown)
        sim_transcript_bulk_locked(device, endpoint, len);
    if (!shown)
        rc = -ENODEV;
    else if (device->mode == SIM_RECOVERY && endpoint == EP_UPLOAD)
        rc = sim_iboot_bulk_out_locked(device, data, len);
    else if (device->mode == SIM_RECOVERY && endpoint == 0x02)
        rc = (int)len; /* console input: read by nobody */
    sim_unlock(device);
    if (shown && system && endpoint == EP_MUX_OUT)
        rc = mux_out(device, data, len);
    return rc;
}

int sim_usb_bulk_in(struct sim_device *device, uint8_t endpoint, uint8_t *to, size_t room)
{
    enum sim_mode mode = sim_device_mode(device, NULL);
    if (mode == SIM_RECOVERY && (endpoint | 0x80) == 0x81)
        return 0; /* a retail console says nothing */
    if ((mode != SIM_NORMAL && mode != SIM_RESTORE) || (endpoint | 0x80) != EP_MUX_IN)
        return mode == SIM_OFF ? -ENODEV : 0;
    pthread_mutex_lock(&device->link_lock);
    size_t n = device->link != NULL ? sim_mux_link_in(device->link, to, room) : 0;
    pthread_mutex_unlock(&device->link_lock);
    return (int)n;
}

void sim_usb_bus_reset(struct sim_device *device)
{
    sim_lock(device);
    if (device->shown) {
        if (device->mode == SIM_DFU || device->mode == SIM_RECOVERY)
            sim_transcript_text(device->transcript, "usb", "reset", "");
        device->halted = false;
        if (device->mode == SIM_DFU)
            sim_dfu_bus_reset_locked(device);
        else
            sim_iboot_drop_upload_locked(device);
    }
    sim_unlock(device);
}

size_t sim_usb_device_descriptor(struct sim_device *device, uint8_t *to, size_t room)
{
    sim_lock(device);
    size_t n = sim_device_descriptor_locked(device, to, room);
    sim_unlock(device);
    return n;
}

size_t sim_usb_config_descriptor(struct sim_device *device, unsigned index, uint8_t *to, size_t room)
{
    sim_lock(device);
    size_t n = sim_config_descriptor_locked(device, index, to, room);
    sim_unlock(device);
    return n;
}
