/* SPDX-License-Identifier: Apache-2.0 */
#include "command/device_json.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

void rv_json_set_text(json_t *object, const char *key, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    char *clean = rv_text_copy(text);
    if (clean == NULL)
        return;
    rv_text_clean(clean);
    json_object_set_new(object, key, json_string(clean));
    rv_free(clean);
}

void rv_json_set_count(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

void rv_json_set_hex(json_t *object, const char *key, uint64_t value, int digits)
{
    char text[24];
    snprintf(text, sizeof text, "0x%0*" PRIx64, digits, value);
    json_object_set_new(object, key, json_string(text));
}

json_t *rv_device_json(const struct rv_device *device)
{
    const struct rv_identity *id = &device->identity;
    json_t *out = json_object();
    json_object_set_new(out, "mode", json_string(rv_mode_name(device->mode)));
    json_object_set_new(out, "mode_words", json_string(rv_mode_words(device->mode)));
    rv_json_set_text(out, "name", id->name);
    rv_json_set_text(out, "device_name", id->device_name);
    rv_json_set_text(out, "product_type", id->product_type);
    rv_json_set_text(out, "hardware_model", id->hardware_model);
    if (id->ecid != 0)
        rv_json_set_hex(out, "ecid", id->ecid, 16);
    rv_json_set_text(out, "udid", id->udid);
    rv_json_set_text(out, "serial", id->serial);
    if (id->have_chip)
        rv_json_set_hex(out, "chip", id->chip, 4);
    if (id->have_board)
        rv_json_set_hex(out, "board", id->board, 2);
    rv_json_set_text(out, "version", id->version);
    rv_json_set_text(out, "build", id->build);
    rv_json_set_text(out, "port", device->usb.port);
    json_object_set_new(out, "answers", json_boolean(!device->silent));
    json_object_set_new(out, "permitted", json_boolean(!device->denied));
    return out;
}

bool rv_command_pick(struct rv_fleet *fleet, const char *selector, json_t *result, struct rv_device *out,
                     struct rv_error *err)
{
    if (!rv_fleet_pick(fleet, selector, out, err))
        return false;
    json_object_set_new(result, "device", rv_device_json(out));
    return true;
}

void rv_command_now(json_t *result, const struct rv_device *device)
{
    json_object_set_new(result, "now", json_string(rv_mode_name(device->mode)));
    json_object_set_new(result, "device", rv_device_json(device));
}

bool rv_command_broken_off(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err)
{
    struct rv_device there;
    struct rv_error quiet = { 0 };
    unsigned anywhere = ~RV_MODE_BIT(RV_MODE_NONE);
    if (err->code != RV_E_TIMEOUT && err->code != RV_E_GONE)
        return false;
    if (err->code == RV_E_TIMEOUT && rv_fleet_await(fleet, device->identity.ecid, anywhere, NULL, 1, &there, &quiet))
        return false; /* it is there, only not where it should be */
    err->code = RV_E_UNFINISHED;
    return rv_advise(err, RV_ADVICE_REPLUG);
}
