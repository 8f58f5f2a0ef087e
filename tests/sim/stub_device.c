/* SPDX-License-Identifier: Apache-2.0 */
#include "stub_device.h"

#include "base/bytes.h"
#include "base/file.h"
#include "sim/cut.h"
#include "sim/notices.h"
#include "sim/service_list.h"
#include "sim/services.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTENERS = 4, SETTINGS = 32 };

struct sim_device {
    pthread_mutex_t lock;
    enum sim_mode mode;
    unsigned generation;
    char dir[64];
    struct {
        sim_event_fn *fn;
        void *context;
    } listeners[LISTENERS];
    size_t listener_count;
    struct {
        char name[64], value[256];
    } settings[SETTINGS];
    size_t setting_count;
    struct rv_buf record;
    const char *asked;
    struct sim_services *services;
};

struct sim_device *stub_device_new(void)
{
    struct sim_device *d = rv_alloc(sizeof *d);
    struct rv_error err = { 0 };
    rv_assert(d != NULL);
    pthread_mutex_init(&d->lock, NULL);
    d->mode = SIM_NORMAL;
    d->generation = 1;
    d->record = (struct rv_buf)RV_BUF(1 << 20);
    d->asked = "";
    (void)snprintf(d->dir, sizeof d->dir, "/tmp/revive-stub-XXXXXX");
    rv_assert(mkdtemp(d->dir) != NULL);
    d->services = sim_services_new(d, &err);
    rv_assert(d->services != NULL);
    return d;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void stub_device_clean(struct sim_device *d)
{
    nftw(d->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void stub_device_free(struct sim_device *d)
{
    if (d == NULL)
        return;
    stub_device_enter(d, SIM_OFF);
    sim_services_free(d->services);
    stub_device_clean(d);
    rv_buf_clear(&d->record);
    pthread_mutex_destroy(&d->lock);
    rv_free(d);
}

static void tell(struct sim_device *d, enum sim_event_kind kind)
{
    struct sim_event event = { kind, d->mode, d->generation };
    for (size_t i = 0; i < d->listener_count; i++)
        d->listeners[i].fn(d->listeners[i].context, &event);
}

void stub_device_enter(struct sim_device *d, enum sim_mode mode)
{
    pthread_mutex_lock(&d->lock);
    enum sim_mode before = d->mode;
    d->mode = SIM_OFF;
    pthread_mutex_unlock(&d->lock);
    if (before != SIM_OFF)
        tell(d, SIM_DETACHED);
    if (mode == SIM_OFF)
        return;
    pthread_mutex_lock(&d->lock);
    d->mode = mode;
    d->generation++;
    pthread_mutex_unlock(&d->lock);
    tell(d, SIM_ATTACHED);
}

const char *stub_device_asked(struct sim_device *d)
{
    pthread_mutex_lock(&d->lock);
    const char *asked = d->asked;
    pthread_mutex_unlock(&d->lock);
    return asked;
}

static void ask(struct sim_device *d, const char *what)
{
    pthread_mutex_lock(&d->lock);
    d->asked = what;
    pthread_mutex_unlock(&d->lock);
}

bool stub_device_recorded(struct sim_device *d, const char *text)
{
    pthread_mutex_lock(&d->lock);
    bool found = d->record.len > 0 && memmem(d->record.data, d->record.len, text, strlen(text)) != NULL;
    pthread_mutex_unlock(&d->lock);
    return found;
}

/* ---- device.h ---- */

void sim_device_listen(struct sim_device *d, sim_event_fn *fn, void *context)
{
    rv_assert(d->listener_count < LISTENERS);
    d->listeners[d->listener_count].fn = fn;
    d->listeners[d->listener_count++].context = context;
}

enum sim_mode sim_device_mode(struct sim_device *d, unsigned *generation)
{
    pthread_mutex_lock(&d->lock);
    enum sim_mode mode = d->mode;
    if (generation != NULL)
        *generation = d->generation;
    pthread_mutex_unlock(&d->lock);
    return mode;
}

void sim_device_identity(struct sim_device *d, struct sim_identity *out)
{
    (void)d;
    *out = (struct sim_identity){ .ecid = 0x1234567890abcd,
                                  .chip = 0x8015,
                                  .board = 0x0e,
                                  .product = "iPhone10,6",
                                  .model = "D221AP",
                                  .name = "iPhone X",
                                  .serial = "C39VIRTUAL01",
                                  .udid = "0123456789abcdef0123456789abcdef01234567",
                                  .imei = "350000000000006" };
}

struct sim_services *sim_device_services(struct sim_device *d)
{
    return d->services;
}

int sim_device_connect(struct sim_device *d, uint16_t port)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return -ECONNREFUSED;
    int status = sim_services_accept(d, sim_device_mode(d, NULL), port, ends[1]);
    if (status == 0)
        return ends[0];
    close(ends[0]);
    close(ends[1]);
    return status;
}

void sim_device_reboot(struct sim_device *d, const char *why)
{
    (void)why;
    ask(d, "reboot");
}

void sim_device_shutdown(struct sim_device *d)
{
    ask(d, "shutdown");
}

void sim_device_enter_recovery(struct sim_device *d)
{
    ask(d, "recovery");
}

bool sim_nvram_get(struct sim_device *d, const char *name, char *out, size_t out_size)
{
    (void)d;
    if (strcmp(name, "auto-boot") != 0)
        return false;
    (void)snprintf(out, out_size, "true");
    return true;
}

void sim_nvram_set(struct sim_device *d, const char *name, const char *value, bool persist)
{
    (void)d;
    (void)name;
    (void)value;
    (void)persist;
}

bool sim_setting(struct sim_device *d, const char *name, char *out, size_t out_size)
{
    bool found = false;
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->setting_count; i++)
        if (strcmp(d->settings[i].name, name) == 0 && d->settings[i].value[0] != '\0') {
            (void)snprintf(out, out_size, "%s", d->settings[i].value);
            found = true;
        }
    pthread_mutex_unlock(&d->lock);
    return found;
}

void sim_setting_put(struct sim_device *d, const char *name, const char *value)
{
    pthread_mutex_lock(&d->lock);
    size_t i = 0;
    while (i < d->setting_count && strcmp(d->settings[i].name, name) != 0)
        i++;
    rv_assert(i < SETTINGS);
    if (i == d->setting_count)
        (void)snprintf(d->settings[d->setting_count++].name, sizeof d->settings[i].name, "%s", name);
    (void)snprintf(d->settings[i].value, sizeof d->settings[i].value, "%s", value);
    pthread_mutex_unlock(&d->lock);
}

double sim_time_scale(struct sim_device *d)
{
    (void)d;
    return 0.01;
}

void sim_nonce_keep(struct sim_device *d)
{
    (void)d;
}

void sim_pause(struct sim_device *d, unsigned ms)
{
    (void)poll(NULL, 0, (int)(ms * sim_time_scale(d)));
}

void sim_record(struct sim_device *d, const char *what, const char *fmt, ...)
{
    struct rv_error err = { 0 };
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    pthread_mutex_lock(&d->lock);
    rv_buf_add_format(&d->record, &err, "%s: %s\n", what, text);
    pthread_mutex_unlock(&d->lock);
}

struct sim_transcript *sim_device_transcript(struct sim_device *d)
{
    (void)d;
    return NULL;
}

const char *sim_state_dir(struct sim_device *d)
{
    return d->dir;
}

void sim_installed(struct sim_device *d, char version[32], char build[32])
{
    if (!sim_setting(d, "stub_version", version, 32))
        (void)snprintf(version, 32, "11.2");
    (void)snprintf(build, 32, "15C114");
}

bool sim_storage_path(struct sim_device *d, const char *leaf, char *out, size_t out_size)
{
    return snprintf(out, out_size, "%s/%s", d->dir, leaf) < (int)out_size;
}

/* The restore environment is not what these tests are about. */
struct rv_span sim_trust_root(struct sim_device *d)
{
    (void)d;
    return rv_span(NULL, 0);
}

void sim_restored_serve(struct sim_device *device, int fd)
{
    sim_record(device, "restored", "connected");
    close(fd);
}

/* Backups want a whole device. */
void sim_backup_serve(struct sim_device *device, struct sim_wire *wire)
{
    (void)wire;
    sim_record(device, "backup", "connected");
}

struct sim_notices *sim_device_notices(struct sim_device *device)
{
    static struct sim_notices notices = { .lock = PTHREAD_MUTEX_INITIALIZER };
    (void)device;
    return &notices;
}

/* Blows are a matter of whole devices. */
void sim_cut_event(struct sim_device *device)
{
    (void)device;
}
