/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests whose answer comes on a connection of its own: the device opens a port, names it in the message
 * (DataPort), and the host connects, sends one framed property list and hangs up (restore protocol notes 2.3; ports
 * and order of an 18.3 run).
 */
#include "sim/restored_run.h"
#include "sim/services.h"

#include <poll.h>

enum { OPEN_MS = 60000, SLICE_MS = 100, ANSWER_MAX = 256 * 1024 * 1024 };

bool restored_host_left(const struct restored *r)
{
    struct pollfd control = { .fd = r->wire.fd, .events = POLLRDHUP };
    return poll(&control, 1, 0) > 0 && (control.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* A host that hangs up on restored meanwhile is not waited for. */
int restored_accept(struct restored *r, struct sim_listener *listener, const char *who, struct rv_error *err)
{
    int left = restored_patience_ms(r) < OPEN_MS ? restored_patience_ms(r) : OPEN_MS;
    for (; left > 0 && !r->ending; left -= SLICE_MS) {
        int fd = sim_port_accept(listener, left < SLICE_MS ? left : SLICE_MS);
        if (fd >= 0)
            return fd;
        if (restored_host_left(r)) {
            r->lost = true;
            rv_fail(err, RV_E_GONE, "%s: the host hung up", who);
            return -1;
        }
    }
    rv_fail(err, RV_E_TIMEOUT, "%s: no host connected", who);
    return -1;
}

bool restored_port_open(struct restored *r, const char *kind, const char *type, plist_t take_arguments,
                        struct restored_port *out, struct rv_error *err)
{
    out->type = type;
    out->listener = sim_port_listen(r->device, 0);
    if (out->listener == NULL) {
        plist_free(take_arguments);
        return rv_fail(err, RV_E_GONE, "%s: the device left the bus", type);
    }
    plist_t message = restored_message(kind);
    plist_dict_set_item(message, "DataType", plist_new_string(type));
    if (take_arguments != NULL)
        plist_dict_set_item(message, "Arguments", take_arguments);
    plist_dict_set_item(message, "DataPort", plist_new_uint(sim_port_number(out->listener)));
    sim_record(r->device, "request", "%s on port %u", type, sim_port_number(out->listener));
    if (restored_send(r, message, err))
        return true;
    restored_port_close(out);
    return rv_while(err, "asking the host for %s", type);
}

void restored_port_close(struct restored_port *port)
{
    sim_port_close(port->listener);
    port->listener = NULL;
}

plist_t restored_port_answer(struct restored *r, struct restored_port *port, struct rv_error *err)
{
    int fd = restored_accept(r, port->listener, port->type, err);
    restored_port_close(port);
    if (fd < 0)
        return NULL;
    struct sim_wire wire = { .fd = fd, .device = r->device };
    plist_t answer = sim_wire_plist_read(&wire, ANSWER_MAX, restored_patience_ms(r));
    sim_port_hangup(r->device, fd);
    if (PLIST_IS_DICT(answer))
        return answer;
    plist_free(answer);
    rv_fail(err, RV_E_PROTOCOL, "%s: no property list came on its port", port->type);
    return NULL;
}

plist_t restored_fetch_on_port(struct restored *r, const char *type, plist_t take_arguments, struct rv_error *err)
{
    struct restored_port port = { 0 };
    if (!restored_port_open(r, "DataRequestMsg", type, take_arguments, &port, err))
        return NULL;
    return restored_port_answer(r, &port, err);
}
