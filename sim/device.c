/* SPDX-License-Identifier: Apache-2.0 */
/* The state folder, settings and what everybody asks the device. Life is in life.c, boots in boot.c, USB in usb.c. */
#include "sim/model.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/services.h"
#include "sim/transcript.h"

#include "sim/services.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOT_CAP = 1 << 16, UPLOAD_CAP = 512 << 20 };

uint64_t sim_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void sim_lock(struct sim_device *device)
{
    pthread_mutex_lock(&device->lock);
}

void sim_unlock(struct sim_device *device)
{
    pthread_mutex_unlock(&device->lock);
}

/* ---- the state folder ---- */

void sim_device_save_locked(struct sim_device *device)
{
    const struct sim_identity *id = &device->identity;
    struct rv_error err = { 0 };
    char path[4096];
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "Product", plist_new_string(id->product));
    plist_dict_set_item(dict, "Model", plist_new_string(id->model));
    plist_dict_set_item(dict, "Name", plist_new_string(id->name));
    plist_dict_set_item(dict, "ChipID", plist_new_uint(id->chip));
    plist_dict_set_item(dict, "BoardID", plist_new_uint(id->board));
    plist_dict_set_item(dict, "SecurityDomain", plist_new_uint(id->domain));
    plist_dict_set_item(dict, "ECID", plist_new_uint(id->ecid));
    plist_dict_set_item(dict, "SerialNumber", plist_new_string(id->serial));
    plist_dict_set_item(dict, "UDID", plist_new_string(id->udid));
    plist_dict_set_item(dict, "IMEI", plist_new_string(id->imei));
    plist_dict_set_item(dict, "ROM", plist_new_string(id->rom));
    plist_dict_set_item(dict, "Seed", plist_new_uint(device->seed));
    plist_dict_set_item(dict, "NonceCount", plist_new_uint(device->nonce_count));
    plist_dict_set_item(dict, "Settings", plist_copy(device->settings));
    if (!sim_storage_path(device, "device.plist", path, sizeof path) || !sim_plist_save(dict, path, &err))
        sim_record(device, "storage", "device.plist not stored: %s", err.text[0]);
    plist_free(dict);
}

static uint64_t dict_number(plist_t dict, const char *key)
{
    uint64_t value = 0;
    plist_t node = plist_dict_get_item(dict, key);
    if (node != NULL && plist_get_node_type(node) == PLIST_UINT)
        plist_get_uint_val(node, &value);
    return value;
}

static bool load_identity(struct sim_device *device, struct rv_error *err)
{
    char path[4096];
    struct sim_identity *id = &device->identity;
    if (!sim_storage_path(device, "device.plist", path, sizeof path))
        return rv_fail(err, RV_E_LIMIT, "path too long");
    plist_t dict = sim_plist_load(path, err);
    if (dict == NULL)
        return rv_while(err, "opening the state folder %s", device->dir);
    bool whole = sim_dict_text(dict, "Product", id->product, sizeof id->product) &&
                 sim_dict_text(dict, "Model", id->model, sizeof id->model) &&
                 sim_dict_text(dict, "Name", id->name, sizeof id->name) &&
                 sim_dict_text(dict, "SerialNumber", id->serial, sizeof id->serial) &&
                 sim_dict_text(dict, "UDID", id->udid, sizeof id->udid) &&
                 sim_dict_text(dict, "IMEI", id->imei, sizeof id->imei) &&
                 sim_dict_text(dict, "ROM", id->rom, sizeof id->rom);
    id->chip = (uint32_t)dict_number(dict, "ChipID");
    id->board = (uint32_t)dict_number(dict, "BoardID");
    id->domain = (uint32_t)dict_number(dict, "SecurityDomain");
    id->ecid = dict_number(dict, "ECID");
    device->seed = (uint32_t)dict_number(dict, "Seed");
    device->nonce_count = dict_number(dict, "NonceCount");
    plist_t settings = plist_dict_get_item(dict, "Settings");
    if (settings != NULL && plist_get_node_type(settings) == PLIST_DICT)
        device->settings = plist_copy(settings);
    else
        device->settings = plist_new_dict();
    plist_free(dict);
    return whole || rv_fail(err, RV_E_FORMAT, "%s lacks a part of the identity", path);
}

static bool load_rest(struct sim_device *device, struct rv_error *err)
{
    char path[4096];
    struct rv_error none = { 0 };
    if (!sim_storage_path(device, "root.der", path, sizeof path))
        return rv_fail(err, RV_E_LIMIT, "path too long");
    device->root = rv_file_read(path, ROOT_CAP, err);
    if (device->root == NULL)
        return rv_while(err, "reading the root of trust");
    sim_storage_path(device, "nvram.plist", path, sizeof path);
    device->nvram = sim_plist_load(path, &none);
    if (device->nvram == NULL)
        device->nvram = plist_new_dict();
    device->env = plist_new_dict();
    sim_storage_path(device, "record.jsonl", path, sizeof path);
    device->record_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (device->record_fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %s", path);
    return true;
}

static double number_of(const char *text)
{
    char *end = NULL;
    double value = strtod(text, &end);
    return end != text && *end == 0 && value >= 0 && value <= 1000 ? value : 1;
}

static struct sim_device *device_new(const char *state_dir)
{
    struct sim_device *device = rv_alloc(sizeof *device);
    if (device == NULL)
        return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&device->lock, NULL);
    pthread_mutex_init(&device->record_lock, NULL);
    pthread_mutex_init(&device->link_lock, NULL);
    pthread_mutex_init(&device->backup_lock, NULL);
    pthread_mutex_init(&device->notices.lock, NULL);
    pthread_cond_init(&device->changed, &monotonic);
    pthread_cond_init(&device->readable, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sim_cut_init(&device->cut);
    device->record_fd = -1;
    device->dir = rv_text_copy(state_dir);
    device->upload = (struct rv_buf)RV_BUF(UPLOAD_CAP);
    device->plugged = true;
    device->plan.target = SIM_TO_NOTHING;
    return device;
}

struct sim_device *sim_device_open(const char *state_dir, struct rv_error *err)
{
    char text[32];
    struct sim_device *device = device_new(state_dir);
    if (device == NULL || device->dir == NULL) {
        rv_fail_nomem(err);
        sim_device_close(device);
        return NULL;
    }
    if (!load_identity(device, err) || !load_rest(device, err)) {
        sim_device_close(device);
        return NULL;
    }
    sim_setting_text_locked(device, "time_scale", "1", text, sizeof text);
    device->scale = number_of(text);
    sim_hands_init(device);
    device->services = sim_services_new(device, err);
    if (device->services == NULL || !sim_life_start(device, err)) {
        sim_device_close(device);
        return NULL;
    }
    return device;
}

void sim_device_close(struct sim_device *device)
{
    if (device == NULL)
        return;
    sim_cut_end(&device->cut);
    sim_life_end(device); /* no event after this */
    sim_services_free(device->services);
    if (device->record_fd >= 0)
        close(device->record_fd);
    sim_transcript_free(device->transcript);
    rv_buf_clear(&device->upload);
    rv_blob_free(device->iboot.boot.ticket);
    for (unsigned i = 0; i < device->boot_count; i++) {
        rv_blob_free(device->boots[i]->ticket);
        rv_free(device->boots[i]);
    }
    plist_free(device->settings);
    plist_free(device->nvram);
    plist_free(device->env);
    rv_blob_free(device->root);
    rv_free(device->dir);
    pthread_cond_destroy(&device->changed);
    pthread_cond_destroy(&device->readable);
    pthread_mutex_destroy(&device->lock);
    pthread_mutex_destroy(&device->record_lock);
    pthread_mutex_destroy(&device->link_lock);
    pthread_mutex_destroy(&device->backup_lock);
    pthread_mutex_destroy(&device->notices.lock);
    rv_free(device);
}

/* ---- settings ---- */

void sim_setting_text_locked(struct sim_device *device, const char *name, const char *otherwise, char *out, size_t size)
{
    if (!sim_dict_text(device->settings, name, out, size))
        snprintf(out, size, "%s", otherwise);
}

bool sim_setting_flag_locked(struct sim_device *device, const char *name)
{
    char text[16];
    sim_setting_text_locked(device, name, "no", text, sizeof text);
    return strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
}

uint64_t sim_setting_number_locked(struct sim_device *device, const char *name, uint64_t otherwise)
{
    char text[32];
    uint64_t value;
    sim_setting_text_locked(device, name, "", text, sizeof text);
    return rv_text_number(text, 10, &value) ? value : otherwise;
}

bool sim_setting(struct sim_device *device, const char *name, char *out, size_t out_size)
{
    sim_lock(device);
    bool found = sim_dict_text(device->settings, name, out, out_size);
    sim_unlock(device);
    return found;
}

void sim_setting_put(struct sim_device *device, const char *name, const char *value)
{
    sim_lock(device);
    if (plist_dict_get_item(device->settings, name) != NULL)
        plist_dict_remove_item(device->settings, name);
    if (value != NULL && value[0] != 0)
        plist_dict_set_item(device->settings, name, plist_new_string(value));
    if (strcmp(name, "time_scale") == 0)
        device->scale = number_of(value != NULL ? value : "1");
    sim_device_save_locked(device);
    pthread_cond_broadcast(&device->changed);
    sim_unlock(device);
    sim_record(device, "setting", "%s=%s", name, value != NULL ? value : "");
}

double sim_time_scale(struct sim_device *device)
{
    sim_lock(device);
    double scale = device->scale;
    sim_unlock(device);
    return scale;
}

void sim_pause(struct sim_device *device, unsigned ms)
{
    int left = (int)((double)ms * sim_time_scale(device));
    if (left > 0)
        (void)poll(NULL, 0, left);
}

/* ---- small questions ---- */

struct sim_services *sim_device_services(struct sim_device *device)
{
    return device->services;
}

struct sim_notices *sim_device_notices(struct sim_device *device)
{
    return &device->notices;
}

struct sim_transcript *sim_device_transcript(struct sim_device *device)
{
    return device->transcript;
}

const char *sim_state_dir(struct sim_device *device)
{
    return device->dir;
}

struct rv_span sim_trust_root(struct sim_device *device)
{
    return rv_blob_span(device->root);
}

void sim_device_listen(struct sim_device *device, sim_event_fn *fn, void *context)
{
    sim_lock(device);
    rv_assert(device->listener_count < SIM_LISTENERS_MAX);
    device->listeners[device->listener_count++] = (struct sim_watcher){ fn, context };
    sim_unlock(device);
}

void sim_usb_on_readable(struct sim_device *device, void (*fn)(void *), void *context)
{
    sim_lock(device);
    rv_assert(device->waker_count < SIM_LISTENERS_MAX);
    device->wakers[device->waker_count++] = (struct sim_waker){ fn, context };
    sim_unlock(device);
}

enum sim_mode sim_device_mode(struct sim_device *device, unsigned *generation)
{
    sim_lock(device);
    enum sim_mode mode = device->shown ? device->mode : SIM_OFF;
    if (generation != NULL)
        *generation = device->generation;
    sim_unlock(device);
    return mode;
}

void sim_device_identity(struct sim_device *device, struct sim_identity *out)
{
    sim_lock(device);
    *out = device->identity;
    sim_unlock(device);
}

const struct sim_boot *sim_device_boot(struct sim_device *device)
{
    sim_lock(device);
    const struct sim_boot *boot = device->mode == SIM_RESTORE ? device->boot : NULL;
    sim_unlock(device);
    return boot;
}

int sim_device_connect(struct sim_device *device, uint16_t port)
{
    enum sim_mode mode = sim_device_mode(device, NULL);
    if (mode != SIM_NORMAL && mode != SIM_RESTORE)
        return -ENODEV;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return -ECONNREFUSED;
    int rc = sim_services_accept(device, mode, port, ends[1]);
    if (rc < 0) {
        close(ends[0]);
        close(ends[1]);
        return rc;
    }
    return ends[0];
}
