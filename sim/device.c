/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/device.h"

#include "sim/services.h"

#include <errno.h>

struct sim_device *sim_device_open(const char *s, struct rv_error *err)
{
    (void)s;
    rv_fail(err, RV_E_UNSUPPORTED, "no");
    return NULL;
}
void sim_device_close(struct sim_device *d)
{
    (void)d;
}
bool sim_device_create(const struct sim_create *w, struct rv_error *err)
{
    (void)w;
    return rv_fail(err, RV_E_UNSUPPORTED, "no");
}
void sim_device_listen(struct sim_device *d, sim_event_fn *fn, void *c)
{
    (void)d;
    (void)fn;
    (void)c;
}
void sim_device_start(struct sim_device *d, enum sim_mode m)
{
    (void)d;
    (void)m;
}
enum sim_mode sim_device_mode(struct sim_device *d, unsigned *g)
{
    (void)d;
    (void)g;
    return SIM_OFF;
}
void sim_device_identity(struct sim_device *d, struct sim_identity *out)
{
    (void)d;
    *out = (struct sim_identity){ 0 };
}
int sim_usb_control(struct sim_device *d, const uint8_t setup[8], uint8_t *data, size_t len)
{
    (void)d;
    (void)setup;
    (void)data;
    (void)len;
    return -EPIPE;
}
int sim_usb_bulk_out(struct sim_device *d, uint8_t e, const uint8_t *data, size_t len)
{
    (void)d;
    (void)e;
    (void)data;
    (void)len;
    return -EPIPE;
}
int sim_usb_bulk_in(struct sim_device *d, uint8_t e, uint8_t *to, size_t room)
{
    (void)d;
    (void)e;
    (void)to;
    (void)room;
    return 0;
}
void sim_usb_bus_reset(struct sim_device *d)
{
    (void)d;
}
size_t sim_usb_device_descriptor(struct sim_device *d, uint8_t *to, size_t room)
{
    (void)d;
    (void)to;
    (void)room;
    return 0;
}
size_t sim_usb_config_descriptor(struct sim_device *d, unsigned i, uint8_t *to, size_t room)
{
    (void)d;
    (void)i;
    (void)to;
    (void)room;
    return 0;
}
void sim_usb_on_readable(struct sim_device *d, void (*fn)(void *), void *c)
{
    (void)d;
    (void)fn;
    (void)c;
}
int sim_device_connect(struct sim_device *d, uint16_t p)
{
    (void)d;
    (void)p;
    return -ENODEV;
}
void sim_device_reboot(struct sim_device *d, const char *why)
{
    (void)d;
    (void)why;
}
void sim_device_shutdown(struct sim_device *d)
{
    (void)d;
}
void sim_device_enter_recovery(struct sim_device *d)
{
    (void)d;
}
void sim_device_unplug(struct sim_device *d)
{
    (void)d;
}
void sim_device_plug(struct sim_device *d)
{
    (void)d;
}
bool sim_nvram_get(struct sim_device *d, const char *n, char *out, size_t o)
{
    (void)d;
    (void)n;
    (void)out;
    (void)o;
    return false;
}
void sim_nvram_set(struct sim_device *d, const char *n, const char *v, bool p)
{
    (void)d;
    (void)n;
    (void)v;
    (void)p;
}
bool sim_setting(struct sim_device *d, const char *n, char *out, size_t o)
{
    (void)d;
    (void)n;
    (void)out;
    (void)o;
    return false;
}
void sim_setting_put(struct sim_device *d, const char *n, const char *v)
{
    (void)d;
    (void)n;
    (void)v;
}
double sim_time_scale(struct sim_device *d)
{
    (void)d;
    return 1;
}
void sim_pause(struct sim_device *d, unsigned ms)
{
    (void)d;
    (void)ms;
}
void sim_record(struct sim_device *d, const char *what, const char *fmt, ...)
{
    (void)d;
    (void)what;
    (void)fmt;
}
const char *sim_state_dir(struct sim_device *d)
{
    (void)d;
    return "";
}
void sim_installed(struct sim_device *d, char version[32], char build[32])
{
    (void)d;
    version[0] = build[0] = 0;
}
struct rv_span sim_trust_root(struct sim_device *d)
{
    (void)d;
    return (struct rv_span){ 0 };
}
const struct sim_boot *sim_device_boot(struct sim_device *d)
{
    (void)d;
    return NULL;
}
bool sim_storage_path(struct sim_device *d, const char *leaf, char *out, size_t o)
{
    (void)d;
    (void)leaf;
    (void)out;
    (void)o;
    return false;
}
bool sim_storage_hash(struct sim_device *d, const char *leaf, char out[97], struct rv_error *err)
{
    (void)d;
    (void)leaf;
    (void)out;
    return rv_fail(err, RV_E_UNSUPPORTED, "no");
}
void sim_install_begin(struct sim_device *d)
{
    (void)d;
}
bool sim_install_flash(struct sim_device *d, const char tag[5], struct rv_span image, struct rv_error *err)
{
    (void)d;
    (void)tag;
    (void)image;
    return rv_fail(err, RV_E_UNSUPPORTED, "no");
}
bool sim_install_done(struct sim_device *d, struct rv_error *err)
{
    (void)d;
    return rv_fail(err, RV_E_UNSUPPORTED, "no");
}
bool sim_install_wipe_data(struct sim_device *d, struct rv_error *err)
{
    (void)d;
    return rv_fail(err, RV_E_UNSUPPORTED, "no");
}
struct sim_services *sim_device_services(struct sim_device *d)
{
    (void)d;
    return NULL;
}
