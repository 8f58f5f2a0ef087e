/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/notify.h"

#include "base/text.h"
#include "proto/plist_frame.h"

#include <stdio.h>
#include <string.h>

enum { SEND_MS = 10000 };

struct rv_notify {
    struct rv_stream *stream;
};

struct rv_notify *rv_notify_take(struct rv_stream *stream, struct rv_error *err)
{
    struct rv_notify *notify = rv_alloc(sizeof *notify);
    if (notify == NULL) {
        rv_stream_free(stream);
        rv_fail_nomem(err);
        return NULL;
    }
    notify->stream = stream;
    return notify;
}

void rv_notify_free(struct rv_notify *notify)
{
    if (notify == NULL)
        return;
    rv_stream_free(notify->stream);
    rv_free(notify);
}

/* Neither is answered. */
static bool say(struct rv_notify *notify, const char *command, const char *name, struct rv_error *err)
{
    RV_AUTO_PLIST message = plist_new_dict();
    plist_dict_set_item(message, "Command", plist_new_string(command));
    plist_dict_set_item(message, "Name", plist_new_string(name));
    return rv_plist_send(notify->stream, message, false, SEND_MS, err);
}

bool rv_notify_observe(struct rv_notify *notify, const char *name, struct rv_error *err)
{
    return say(notify, "ObserveNotification", name, err);
}

bool rv_notify_post(struct rv_notify *notify, const char *name, struct rv_error *err)
{
    return say(notify, "PostNotification", name, err);
}

bool rv_notify_next(struct rv_notify *notify, uint32_t timeout_ms, char out[RV_NOTIFY_NAME], struct rv_error *err)
{
    RV_AUTO_PLIST message = rv_plist_receive(notify->stream, timeout_ms, err);
    if (message == NULL)
        return false;
    const char *command = rv_plist_text(message, "Command"), *name = rv_plist_text(message, "Name");
    bool relayed = command != NULL && name != NULL && strcmp(command, "RelayNotification") == 0;
    snprintf(out, RV_NOTIFY_NAME, "%s", relayed ? name : "");
    return true;
}

void rv_notify_stop(struct rv_notify *notify)
{
    rv_stream_shutdown(notify->stream);
}
