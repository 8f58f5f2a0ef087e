/* SPDX-License-Identifier: Apache-2.0 */
/* Who answers on which port: lockdown and its services in Normal mode, restored and ASR in Restore mode. */
#pragma once

#include "sim/device.h"
#include "sim/wire.h"

/** What one device's ports and connections are kept in; device.c makes it (as the last thing of sim_device_open: it
 *  registers with sim_device_listen, to hang up at SIM_DETACHED), holds it and frees it (first thing of the close). */
struct sim_services;
struct sim_services *sim_services_new(struct sim_device *device, struct rv_error *err);
/** Hangs up everything and waits for the services' threads. Never call it from one of them. */
void sim_services_free(struct sim_services *services);
/** The one of this device (device.c). */
struct sim_services *sim_device_services(struct sim_device *device);

/** Called by sim_device_connect on a fresh socket: starts a detached thread that owns fd. -ECONNREFUSED when no one
 *  listens (fd is then still the caller's). Threads end when the socket is closed or shut down at a mode change. */
int sim_services_accept(struct sim_device *device, enum sim_mode mode, uint16_t port, int fd);
/** The same, with bytes that the peer must see before the service's own first ones (usbmuxd's "Result 0"). */
int sim_services_accept_after(struct sim_device *device, enum sim_mode mode, uint16_t port, int fd,
                              struct rv_span greeting);

/*
 * Ports opened by a service itself (ASR's 12345, DataPorts): listen, tell the host, accept.
 * The setting "fault.refuse_connect" = "PORT" refuses the next connect to that port once.
 */
struct sim_listener;
/** port 0: a free one of the dynamic range. NULL when the port is taken or the device is off the bus. */
struct sim_listener *sim_port_listen(struct sim_device *device, uint16_t port);
uint16_t sim_port_number(const struct sim_listener *listener);
/** A connected blocking socket; -1 after timeout_ms (wall clock, not scaled) or when the device leaves the bus.
 *  Close it with sim_port_hangup, so that a mode change no longer reaches for it. */
int sim_port_accept(struct sim_listener *listener, int timeout_ms);
void sim_port_hangup(struct sim_device *device, int fd);
/** Connections not yet accepted are closed. NULL allowed. */
void sim_port_close(struct sim_listener *listener);

/** A port for one connection to a service of lockdown (StartService); tls: it begins with a handshake. 0 when full. */
typedef void sim_service_fn(struct sim_device *device, struct sim_wire *wire);
uint16_t sim_services_offer(struct sim_device *device, sim_service_fn *serve, bool tls, const char *host_id);

/** A thread of the running system without a connection; ends by itself soon after the device leaves the bus. */
bool sim_services_run(struct sim_device *device, void (*task)(struct sim_device *device));

/** restored.c, reverse_proxy.c: thread bodies; they own fd and close it. */
void sim_restored_serve(struct sim_device *device, int fd);
void sim_proxy_serve(struct sim_device *device, int fd);
/** lockdown.c */
void sim_lockdown_serve(struct sim_device *device, int fd);

/** The link protocol of usbmuxd over bulk pipes (device-services section 3): one per attach of a Normal/Restore mode.
 */
struct sim_mux_link;
struct sim_mux_link *sim_mux_link_new(struct sim_device *device, void (*readable)(void *), void *context);
void sim_mux_link_free(struct sim_mux_link *link);
void sim_mux_link_out(struct sim_mux_link *link, const uint8_t *data, size_t len); /* host -> device transfer */
size_t sim_mux_link_in(struct sim_mux_link *link, uint8_t *to, size_t room); /* next device -> host transfer, 0 none */

/** usbmuxd.c: the daemon's socket in place of usbmuxd. Serves until the process ends. address "UNIX:/path" or
 * "127.0.0.1:PORT". */
bool sim_usbmuxd_start(struct sim_device *const *devices, size_t count, const char *address, struct rv_error *err);
/** usbip.c: USB/IP server for DFU and Recovery (and Normal) of the devices. */
bool sim_usbip_start(struct sim_device *const *devices, size_t count, const char *address, struct rv_error *err);
/** control.c: line commands ("unplug", "damage system", "set battery 3", "state", "hash system", …) answered by one
 * JSON line. */
bool sim_control_start(struct sim_device *const *devices, size_t count, const char *path, struct rv_error *err);
