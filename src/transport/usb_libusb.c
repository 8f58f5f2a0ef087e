/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real devices over libusb 1.0.26 (API 0x01000109; nothing newer is used). Transfers are asynchronous, so
 * that a cancel reaches them; events are handled by whoever waits.
 */
#include "base/file.h"
#include "base/text.h"
#include "transport/usb_ops.h"

#include <libusb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    SLICE_MS = 100,   /* how soon a cancel is seen */
    POLL_MS = 500,    /* between two looks where libusb has no hotplug */
    SERIAL_TRIES = 4, /* right after arrival GET_DESCRIPTOR may fail for 100-500 ms (usb-modes section 9) */
    SERIAL_PAUSE_MS = 150,
    SERIAL_TIMEOUT_MS = 500,
    NORMAL_FIRST = 0x1290, /* usbmuxd's devices: never opened by us */
    NORMAL_LAST = 0x12B0,
};

struct known {
    struct rv_usb_id id;
    bool seen;
};

struct libusb_bus {
    struct rv_usb_bus base;
    libusb_context *usb;
    libusb_hotplug_callback_handle hotplug;
    bool has_hotplug;
    atomic_int changed;
    pthread_mutex_t lock; /* around known */
    struct known known[RV_USB_DEVICES_MAX];
    size_t known_count;
};

struct libusb_usb {
    struct rv_usb base;
    libusb_device_handle *handle;
};

static const struct {
    int status;
    enum rv_code code;
    const char *words;
} results[] = {
    { LIBUSB_ERROR_ACCESS, RV_E_DENIED, "this user may not open it" },
    { LIBUSB_ERROR_NO_DEVICE, RV_E_GONE, "the device left the bus" },
    { LIBUSB_ERROR_NOT_FOUND, RV_E_GONE, "the device left the bus" },
    { LIBUSB_ERROR_IO, RV_E_GONE, "the device does not answer on the bus" },
    { LIBUSB_ERROR_BUSY, RV_E_BUSY, "another program or driver holds it" },
    { LIBUSB_ERROR_TIMEOUT, RV_E_TIMEOUT, "the device did not answer in time" },
    { LIBUSB_ERROR_PIPE, RV_E_REFUSED, "the device refused (stall)" },
    { LIBUSB_ERROR_NO_MEM, RV_E_NOMEM, "no memory left" },
    { LIBUSB_ERROR_NOT_SUPPORTED, RV_E_UNSUPPORTED, "this system cannot do it" },
};

static bool fail_usb(struct rv_error *err, int status, const char *doing)
{
    for (size_t i = 0; i < RV_COUNT(results); i++) {
        if (results[i].status != status)
            continue;
        rv_fail(err, results[i].code, "%s: %s (libusb %d)", doing, results[i].words, status);
        err->sys = status;
        return false;
    }
    rv_fail(err, RV_E_PROTOCOL, "%s: libusb says %s", doing, libusb_error_name(status));
    err->sys = status;
    return false;
}

/* --- transfers --- */

struct flight {
    int completed; /* libusb's own convention */
};

static void LIBUSB_CALL landed(struct libusb_transfer *transfer)
{
    struct flight *flight = transfer->user_data;
    flight->completed = 1;
}

static int status_of(const struct libusb_transfer *transfer)
{
    switch (transfer->status) {
    case LIBUSB_TRANSFER_COMPLETED:
        return LIBUSB_SUCCESS;
    case LIBUSB_TRANSFER_TIMED_OUT:
        return LIBUSB_ERROR_TIMEOUT;
    case LIBUSB_TRANSFER_STALL:
        return LIBUSB_ERROR_PIPE;
    case LIBUSB_TRANSFER_NO_DEVICE:
        return LIBUSB_ERROR_NO_DEVICE;
    case LIBUSB_TRANSFER_OVERFLOW:
        return LIBUSB_ERROR_OVERFLOW;
    case LIBUSB_TRANSFER_CANCELLED:
        return LIBUSB_ERROR_INTERRUPTED;
    case LIBUSB_TRANSFER_ERROR:
    default:
        return LIBUSB_ERROR_IO;
    }
}

/* Submits and waits to the end; the transfer's memory is free again when this returns. */
static bool fly(struct libusb_usb *usb, struct libusb_transfer *transfer, struct rv_error *err)
{
    struct libusb_bus *bus = (struct libusb_bus *)usb->base.bus;
    struct flight flight = { 0 };
    transfer->user_data = &flight;
    transfer->callback = landed;
    int n = libusb_submit_transfer(transfer);
    if (n != LIBUSB_SUCCESS)
        return fail_usb(err, n, "starting a transfer");
    bool cancelled = false;
    while (!flight.completed) {
        struct timeval slice = { .tv_usec = SLICE_MS * 1000 };
        n = libusb_handle_events_timeout_completed(bus->usb, &slice, &flight.completed);
        bool broken = n != LIBUSB_SUCCESS && n != LIBUSB_ERROR_INTERRUPTED;
        if (!cancelled && (broken || rv_cancel_asked(&usb->base.bus->ctx->cancel))) {
            cancelled = true;
            libusb_cancel_transfer(transfer);
        }
    }
    n = status_of(transfer);
    if (cancelled && n != LIBUSB_SUCCESS && rv_cancel_asked(&usb->base.bus->ctx->cancel))
        return rv_cancel_point(&usb->base.bus->ctx->cancel, err);
    return n == LIBUSB_SUCCESS || fail_usb(err, n, "transfer");
}

static unsigned timeout_of(struct libusb_usb *usb, uint32_t timeout_ms)
{
    struct rv_deadline deadline = rv_deadline_in(&usb->base.bus->ctx->clock, timeout_ms);
    int left = rv_deadline_left_ms(&deadline);
    return left > 0 ? (unsigned)left : 1; /* 0 would be for ever */
}

static bool usb_control(struct rv_usb *base, struct rv_usb_setup setup, void *data, uint16_t len, uint32_t timeout_ms,
                        size_t *done, struct rv_error *err)
{
    struct libusb_usb *usb = (struct libusb_usb *)base;
    RV_AUTO(rv_blob) buffer = rv_blob_new(LIBUSB_CONTROL_SETUP_SIZE + (size_t)len, err);
    struct libusb_transfer *transfer = libusb_alloc_transfer(0);
    if (buffer == NULL || transfer == NULL) {
        libusb_free_transfer(transfer);
        return rv_fail_nomem(err);
    }
    bool in = (setup.request_type & 0x80) != 0;
    libusb_fill_control_setup(buffer->data, setup.request_type, setup.request, setup.value, setup.index, len);
    if (!in && len > 0)
        memcpy(buffer->data + LIBUSB_CONTROL_SETUP_SIZE, data, len);
    libusb_fill_control_transfer(transfer, usb->handle, buffer->data, NULL, NULL, timeout_of(usb, timeout_ms));
    bool ok = fly(usb, transfer, err);
    size_t moved = transfer->actual_length > 0 ? (size_t)transfer->actual_length : 0;
    if (ok && in && moved > 0 && moved <= len)
        memcpy(data, buffer->data + LIBUSB_CONTROL_SETUP_SIZE, moved);
    *done = moved;
    libusb_free_transfer(transfer);
    return ok;
}

static bool usb_bulk(struct rv_usb *base, uint8_t endpoint, void *data, size_t len, uint32_t timeout_ms, size_t *done,
                     struct rv_error *err)
{
    struct libusb_usb *usb = (struct libusb_usb *)base;
    if (len > INT32_MAX)
        return rv_fail(err, RV_E_LIMIT, "a USB transfer of %zu bytes is too large", len);
    struct libusb_transfer *transfer = libusb_alloc_transfer(0);
    if (transfer == NULL)
        return rv_fail_nomem(err);
    libusb_fill_bulk_transfer(transfer, usb->handle, endpoint, data, (int)len, NULL, NULL, timeout_of(usb, timeout_ms));
    bool ok = fly(usb, transfer, err);
    *done = transfer->actual_length > 0 ? (size_t)transfer->actual_length : 0;
    libusb_free_transfer(transfer);
    return ok;
}

static bool usb_configure(struct rv_usb *base, int configuration, struct rv_error *err)
{
    struct libusb_usb *usb = (struct libusb_usb *)base;
    int now = 0;
    if (libusb_get_configuration(usb->handle, &now) == LIBUSB_SUCCESS && now == configuration)
        return true;
    int n = libusb_set_configuration(usb->handle, configuration);
    return n == LIBUSB_SUCCESS || fail_usb(err, n, "configuring");
}

static bool usb_claim(struct rv_usb *base, int interface, struct rv_error *err)
{
    int n = libusb_claim_interface(((struct libusb_usb *)base)->handle, interface);
    return n == LIBUSB_SUCCESS || fail_usb(err, n, "claiming");
}

static bool usb_alternate(struct rv_usb *base, int interface, int alternate, struct rv_error *err)
{
    int n = libusb_set_interface_alt_setting(((struct libusb_usb *)base)->handle, interface, alternate);
    return n == LIBUSB_SUCCESS || fail_usb(err, n, "choosing an alternate setting");
}

static bool usb_clear_halt(struct rv_usb *base, uint8_t endpoint, struct rv_error *err)
{
    int n = libusb_clear_halt(((struct libusb_usb *)base)->handle, endpoint);
    return n == LIBUSB_SUCCESS || fail_usb(err, n, "clearing a stall");
}

static void usb_reset(struct rv_usb *base)
{
    libusb_reset_device(((struct libusb_usb *)base)->handle);
}

static void usb_close(struct rv_usb *base)
{
    struct libusb_usb *usb = (struct libusb_usb *)base;
    libusb_close(usb->handle); /* releases what was claimed */
    rv_free(usb);
}

static struct rv_usb *wrap(struct libusb_bus *bus, libusb_device *device, struct rv_error *err)
{
    struct libusb_usb *usb = rv_alloc(sizeof *usb);
    if (usb == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    usb->base = (struct rv_usb){ .ops = bus->base.ops, .bus = &bus->base };
    int n = libusb_open(device, &usb->handle);
    if (n != LIBUSB_SUCCESS) {
        rv_free(usb);
        fail_usb(err, n, "opening");
        return NULL;
    }
    return &usb->base;
}

static struct rv_usb *usb_open(struct rv_usb_bus *base, const struct rv_usb_id *id, struct rv_error *err)
{
    struct libusb_bus *bus = (struct libusb_bus *)base;
    libusb_device **devices = NULL;
    ssize_t n = libusb_get_device_list(bus->usb, &devices);
    if (n < 0) {
        fail_usb(err, (int)n, "listing devices");
        return NULL;
    }
    libusb_device *found = NULL;
    for (ssize_t i = 0; i < n && found == NULL; i++)
        if (libusb_get_bus_number(devices[i]) == id->bus && libusb_get_device_address(devices[i]) == id->address)
            found = devices[i];
    struct rv_usb *usb = NULL;
    if (found != NULL)
        usb = wrap(bus, found, err);
    else
        rv_fail(err, RV_E_GONE, "the device is not there any more");
    libusb_free_device_list(devices, 1);
    return usb;
}

/* --- listing --- */

static void read_port(libusb_device *device, char *out, size_t out_size)
{
    uint8_t ports[8];
    int n = libusb_get_port_numbers(device, ports, sizeof ports);
    int at = snprintf(out, out_size, "%u", libusb_get_bus_number(device));
    for (int i = 0; i < n && at > 0 && (size_t)at < out_size; i++)
        at += snprintf(out + at, out_size - (size_t)at, "%c%u", i == 0 ? '-' : '.', ports[i]);
}

/* The kernel read the serial at arrival and shows it to everybody: no right to open the device is needed. */
static bool serial_from_kernel(struct rv_usb_id *id)
{
    char path[160];
    struct rv_error ignored = { 0 };
    snprintf(path, sizeof path, "/sys/bus/usb/devices/%s/serial", id->port);
    RV_AUTO(rv_blob) text = rv_file_read(path, sizeof id->serial - 1, &ignored);
    if (text == NULL || text->len == 0)
        return false;
    memcpy(id->serial, text->data, text->len);
    id->serial[text->len] = '\0';
    id->serial[strcspn(id->serial, "\n")] = '\0';
    return true;
}

static bool serial_from_device(struct libusb_bus *bus, libusb_device *device, uint8_t index, struct rv_usb_id *id,
                               struct rv_error *err)
{
    RV_AUTO(rv_usb) usb = wrap(bus, device, err);
    if (usb == NULL)
        return false;
    for (int tries = 0; tries < SERIAL_TRIES; tries++) {
        uint8_t raw[255];
        size_t done = 0;
        struct rv_usb_setup setup = { 0x80, 0x06, (uint16_t)(0x0300 | index), 0x0409 };
        if (usb_control(usb, setup, raw, sizeof raw, SERIAL_TIMEOUT_MS, &done, err)) {
            rv_usb_string_decode(rv_span(raw, done), id->serial, sizeof id->serial);
            if (id->serial[0] != '\0')
                return true;
        }
        if (err->code == RV_E_CANCELLED || (err->code == RV_E_GONE && err->sys == LIBUSB_ERROR_NO_DEVICE))
            return false;
        if (!rv_clock_pause(&bus->base.ctx->clock, SERIAL_PAUSE_MS, "a device that has just come is not ready yet",
                            &bus->base.ctx->cancel, err))
            return false;
    }
    return rv_fail(err, RV_E_TIMEOUT, "the device does not tell its identity string");
}

static void read_serial(struct libusb_bus *bus, libusb_device *device, uint8_t index, struct rv_usb_id *id)
{
    struct rv_error err = { 0 };
    if (id->product >= NORMAL_FIRST && id->product <= NORMAL_LAST) {
        serial_from_kernel(id);
        return;
    }
    if (serial_from_device(bus, device, index, id, &err))
        return;
    id->denied = err.code == RV_E_DENIED;
    serial_from_kernel(id);
}

static struct known *find_known(struct libusb_bus *bus, const struct rv_usb_id *id)
{
    for (size_t i = 0; i < bus->known_count; i++) {
        const struct rv_usb_id *k = &bus->known[i].id;
        if (k->bus == id->bus && k->address == id->address && k->product == id->product)
            return &bus->known[i];
    }
    return NULL;
}

/* True when it is one of Apple's and out is filled. */
static bool look_at(struct libusb_bus *bus, libusb_device *device, struct rv_usb_id *out)
{
    struct libusb_device_descriptor descriptor;
    if (libusb_get_device_descriptor(device, &descriptor) != LIBUSB_SUCCESS ||
        !rv_usb_is_wanted(descriptor.idVendor, descriptor.idProduct))
        return false;
    memset(out, 0, sizeof *out);
    out->vendor = descriptor.idVendor;
    out->product = descriptor.idProduct;
    out->bus = libusb_get_bus_number(device);
    out->address = libusb_get_device_address(device);
    read_port(device, out->port, sizeof out->port);
    struct known *known = find_known(bus, out);
    if (known == NULL) {
        read_serial(bus, device, descriptor.iSerialNumber, out);
        /* Rights and strings may come late (udev): only what was read well is remembered. */
        if (out->denied || out->serial[0] == '\0' || bus->known_count == RV_COUNT(bus->known))
            return true;
        known = &bus->known[bus->known_count++];
        known->id = *out;
    }
    known->seen = true;
    *out = known->id;
    return true;
}

static bool usb_list(struct rv_usb_bus *base, struct rv_usb_id *out, size_t max, size_t *count, struct rv_error *err)
{
    struct libusb_bus *bus = (struct libusb_bus *)base;
    libusb_device **devices = NULL;
    ssize_t n = libusb_get_device_list(bus->usb, &devices);
    if (n < 0)
        return fail_usb(err, (int)n, "listing devices");
    size_t found = 0;
    pthread_mutex_lock(&bus->lock);
    for (size_t i = 0; i < bus->known_count; i++)
        bus->known[i].seen = false;
    for (ssize_t i = 0; i < n && found < max; i++)
        if (look_at(bus, devices[i], &out[found]))
            found++;
    size_t kept = 0;
    for (size_t i = 0; i < bus->known_count; i++)
        if (bus->known[i].seen)
            bus->known[kept++] = bus->known[i];
    bus->known_count = kept;
    pthread_mutex_unlock(&bus->lock);
    libusb_free_device_list(devices, 1);
    *count = found;
    return true;
}

static int LIBUSB_CALL on_hotplug(libusb_context *usb, libusb_device *device, libusb_hotplug_event event, void *context)
{
    (void)usb;
    (void)device;
    (void)event;
    struct libusb_bus *bus = context;
    atomic_store(&bus->changed, 1);
    return 0;
}

static bool usb_wait(struct rv_usb_bus *base, uint32_t timeout_ms, struct rv_error *err)
{
    struct libusb_bus *bus = (struct libusb_bus *)base;
    struct rv_ctx *ctx = base->ctx;
    if (!bus->has_hotplug) {
        ctx->clock.sleep_ms(&ctx->clock, timeout_ms < POLL_MS ? timeout_ms : POLL_MS, &ctx->cancel);
        return rv_cancel_point(&ctx->cancel, err);
    }
    struct rv_deadline deadline = rv_deadline_in(&ctx->clock, timeout_ms);
    while (rv_cancel_point(&ctx->cancel, err)) {
        int left = rv_deadline_left_ms(&deadline);
        if (left == 0 || atomic_exchange(&bus->changed, 0))
            return true;
        struct timeval slice = { .tv_usec = (left < SLICE_MS ? left : SLICE_MS) * 1000 };
        int n = libusb_handle_events_timeout_completed(bus->usb, &slice, NULL);
        if (n != LIBUSB_SUCCESS && n != LIBUSB_ERROR_INTERRUPTED)
            return fail_usb(err, n, "waiting for USB events");
    }
    return false;
}

static void usb_bus_free(struct rv_usb_bus *base)
{
    struct libusb_bus *bus = (struct libusb_bus *)base;
    if (bus->has_hotplug)
        libusb_hotplug_deregister_callback(bus->usb, bus->hotplug);
    libusb_exit(bus->usb);
    pthread_mutex_destroy(&bus->lock);
    rv_free(bus);
}

static const struct rv_usb_ops libusb_ops = {
    .name = "libusb",
    .bus_free = usb_bus_free,
    .list = usb_list,
    .wait = usb_wait,
    .open = usb_open,
    .close = usb_close,
    .configure = usb_configure,
    .claim = usb_claim,
    .alternate = usb_alternate,
    .control = usb_control,
    .bulk = usb_bulk,
    .clear_halt = usb_clear_halt,
    .reset = usb_reset,
};

struct rv_usb_bus *rv_usb_libusb_open(struct rv_ctx *ctx, struct rv_error *err)
{
    struct libusb_bus *bus = rv_alloc(sizeof *bus);
    if (bus == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    bus->base = (struct rv_usb_bus){ .ops = &libusb_ops, .ctx = ctx };
    int n = libusb_init(&bus->usb);
    if (n != LIBUSB_SUCCESS) {
        rv_free(bus);
        fail_usb(err, n, "starting libusb");
        return NULL;
    }
    pthread_mutex_init(&bus->lock, NULL);
    if (libusb_has_capability(LIBUSB_CAP_HAS_HOTPLUG))
        bus->has_hotplug = libusb_hotplug_register_callback(
                               bus->usb, LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT, 0,
                               RV_USB_VENDOR_APPLE, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY, on_hotplug, bus,
                               &bus->hotplug) == LIBUSB_SUCCESS;
    return &bus->base;
}
