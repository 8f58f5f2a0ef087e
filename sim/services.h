/* SPDX-License-Identifier: Apache-2.0 */
/* Who answers on which port: lockdown and its services in Normal mode, restored and ASR in Restore mode. */
#pragma once

#include "sim/device.h"

/** Called by sim_device_connect on a fresh socket: starts a detached thread that owns fd. -ECONNREFUSED when no one
 *  listens. Threads end when the socket is closed or shut down at a mode change. */
int sim_services_accept(struct sim_device *device, enum sim_mode mode, uint16_t port, int fd);

/** restored.c / asr.c: thread bodies; they own fd and close it. */
void sim_restored_serve(struct sim_device *device, int fd);
/** lockdown.c */
void sim_lockdown_serve(struct sim_device *device, int fd);

/** The link protocol of usbmuxd over bulk pipes (device-services section 3): one per attach of a Normal/Restore mode. */
struct sim_mux_link;
struct sim_mux_link *sim_mux_link_new(struct sim_device *device, void (*readable)(void *), void *context);
void sim_mux_link_free(struct sim_mux_link *link);
void sim_mux_link_out(struct sim_mux_link *link, const uint8_t *data, size_t len); /* host -> device transfer */
size_t sim_mux_link_in(struct sim_mux_link *link, uint8_t *to, size_t room);       /* next device -> host transfer, 0 none */

/** usbmuxd.c: the daemon's socket in place of usbmuxd. Serves until the process ends. address "UNIX:/path" or "127.0.0.1:PORT". */
bool sim_usbmuxd_start(struct sim_device *const *devices, size_t count, const char *address, struct rv_error *err);
/** usbip.c: USB/IP server for DFU and Recovery (and Normal) of the devices. */
bool sim_usbip_start(struct sim_device *const *devices, size_t count, const char *address, struct rv_error *err);
/** control.c: line commands ("unplug", "damage system", "set battery 3", "state", "hash system", …) answered by one JSON line. */
bool sim_control_start(struct sim_device *const *devices, size_t count, const char *path, struct rv_error *err);
