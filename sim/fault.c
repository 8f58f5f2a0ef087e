/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults by order. A setting "fault.NAME" holds a value, and may end in " xN" (strikes N times) or " pN" (strikes with
 * a chance of N percent, drawn from the device's seed, so that a run can be had again).
 */
#include "sim/model.h"

#include "base/text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static unsigned draw_percent(struct sim_device *device)
{
    uint8_t in[12], digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    rv_put_u64le(in, ++device->draw_count);
    rv_put_u32le(in + 8, device->seed);
    EVP_Digest(in, sizeof in, digest, &len, EVP_sha256(), NULL);
    return (unsigned)(digest[0] << 8 | digest[1]) % 100;
}

/* Counts one strike of "VALUE xN" down in the setting itself, so that `get` shows what is left. */
static bool count_down(struct sim_device *device, const char *setting, const char *value, uint64_t left)
{
    char text[128];
    if (left == 0)
        return false;
    snprintf(text, sizeof text, "%s x%llu", value, (unsigned long long)(left - 1));
    plist_dict_set_item(device->settings, setting, plist_new_string(text));
    sim_device_save_locked(device);
    return true;
}

bool sim_fault_locked(struct sim_device *device, const char *name, char *value, size_t size)
{
    char setting[64], text[96];
    snprintf(setting, sizeof setting, "fault.%s", name);
    sim_setting_text_locked(device, setting, "", text, sizeof text);
    if (text[0] == 0 || strcmp(text, "no") == 0)
        return false;
    uint64_t number = 0;
    char *tail = strrchr(text, ' ');
    if (tail != NULL && (tail[1] == 'x' || tail[1] == 'p') && rv_text_number(tail + 2, 10, &number)) {
        char kind = tail[1];
        *tail = 0;
        if (kind == 'x' ? !count_down(device, setting, text, number) : draw_percent(device) >= number)
            return false;
    }
    if (value != NULL)
        snprintf(value, size, "%s", text);
    sim_record(device, "fault", "%s=%s strikes", name, text);
    return true;
}

/* True when the byte offset that the fault names lies in [from, to). */
bool sim_fault_at_locked(struct sim_device *device, const char *name, uint64_t from, uint64_t to)
{
    char setting[64], text[96];
    snprintf(setting, sizeof setting, "fault.%s", name);
    sim_setting_text_locked(device, setting, "", text, sizeof text);
    char *space = strchr(text, ' ');
    if (space != NULL)
        *space = 0;
    uint64_t at = 0, whole = sim_setting_number_locked(device, "fault.upload_bytes", 0);
    size_t len = strlen(text);
    bool percent = len > 1 && text[len - 1] == '%';
    if (percent)
        text[len - 1] = 0;
    if (!rv_text_number(text, 10, &at))
        return false;
    if (percent) /* of an upload whose size the person who orders the fault knows */
        at = whole / 100 * at;
    return at >= from && at < to && sim_fault_locked(device, name, NULL, 0);
}
