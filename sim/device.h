/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one model of the virtual iPhone. Faces (USB/IP, usbmuxd socket, umockdev host) hand it transfers and
 * connections; services (lockdown, restored, ASR) run on threads of their own and call back into it.
 * Thread safe: one lock inside. Device times are real-device values multiplied by `time_scale`.
 */
#pragma once

#include "base/bytes.h"
#include "sim/buttons.h"

#include <plist/plist.h>

enum sim_mode { SIM_OFF, SIM_NORMAL, SIM_RECOVERY, SIM_DFU, SIM_RESTORE };
/* Which code runs: the same USB mode can be shown by several. */
enum sim_stage { SIM_STAGE_NONE, SIM_STAGE_ROM, SIM_STAGE_IBSS, SIM_STAGE_IBOOT, SIM_STAGE_IBEC, SIM_STAGE_KERNEL };

enum { SIM_NONCE_MAX = 64 };
struct sim_identity {
    uint64_t ecid;
    uint32_t chip, board, domain;
    char product[32]; /* "iPhone10,6" */
    char model[32];   /* "D221AP" */
    char name[64];    /* "iPhone X" */
    char serial[32], udid[64], imei[32];
    char rom[48];                                   /* "iBoot-3332.0.0.1.23" */
    uint8_t ap_nonce[SIM_NONCE_MAX], sep_nonce[20]; /* of the present boot stage */
    size_t ap_nonce_len;                            /* 20 (A7-A9), 32 (A10 and later) */
};

struct sim_device;

/** Loads a state folder made by sim_device_create (or `revive-sim new`). NULL on failure. */
struct sim_device *sim_device_open(const char *state_dir, struct rv_error *err);
void sim_device_close(struct sim_device *device);

struct sim_create {
    const char *state_dir;
    const char *product, *model; /* "iPhone10,6" "D221AP"; NULL: that one */
    const char *ipsw;            /* installed firmware: an IPSW of the factory; the system volume is laid from it.
                                  NULL: invented images, enough to boot */
    const char *trust_root;      /* DER: the root "fused" into the chip; the folder's keys sign what is laid */
    uint64_t ecid;               /* 0: a fixed invented one */
    uint64_t data_bytes;         /* size of the user partition (invented content, seeded) */
    unsigned seed;
};
bool sim_device_create(const struct sim_create *what, struct rv_error *err);

/* ---- what faces ask ---- */
enum sim_event_kind { SIM_ATTACHED, SIM_DETACHED };
struct sim_event {
    enum sim_event_kind kind;
    enum sim_mode mode;
    unsigned generation; /* counts attaches; use it as bus address / DeviceID */
};
typedef void sim_event_fn(void *context, const struct sim_event *event);
void sim_device_listen(struct sim_device *device, sim_event_fn *fn, void *context);
/** Powers a device on (it is off after sim_device_open): SIM_NORMAL boots as its storage and NVRAM say, SIM_RECOVERY
 * and SIM_DFU are what a person's fingers on the buttons bring. Returns when it is on the bus, or cannot be. */
void sim_device_start(struct sim_device *device, enum sim_mode mode);
/** SIM_OFF while off the bus (rebooting, unplugged). */
enum sim_mode sim_device_mode(struct sim_device *device, unsigned *generation);
void sim_device_identity(struct sim_device *device, struct sim_identity *out);

/* USB of DFU, Recovery and Normal/Restore. Control: bytes moved (>= 0) or -EPIPE for a stall. */
int sim_usb_control(struct sim_device *device, const uint8_t setup[8], uint8_t *data, size_t len);
int sim_usb_bulk_out(struct sim_device *device, uint8_t endpoint, const uint8_t *data,
                     size_t len); /* taken or -EPIPE */
int sim_usb_bulk_in(struct sim_device *device, uint8_t endpoint, uint8_t *to,
                    size_t room); /* 0: nothing yet, -EAGAIN is not used */
void sim_usb_bus_reset(struct sim_device *device);
/** Raw descriptors of the present mode: device, configuration by index; 0 when there is none. */
size_t sim_usb_device_descriptor(struct sim_device *device, uint8_t *to, size_t room);
size_t sim_usb_config_descriptor(struct sim_device *device, unsigned index, uint8_t *to, size_t room);
/** Faces register here to be woken when bulk IN data may be there. */
void sim_usb_on_readable(struct sim_device *device, void (*fn)(void *), void *context);

/** Connects to a TCP-like port of the running system: a connected socket, or -ECONNREFUSED / -ENODEV.
 *  The face that asked shuts it down when SIM_DETACHED arrives; the service at the other end sees that and ends. */
int sim_device_connect(struct sim_device *device, uint16_t port);

/* ---- what services and people do to it ---- */
void sim_device_reboot(struct sim_device *device, const char *why);
void sim_device_shutdown(struct sim_device *device);
/** EnterRecovery of lockdown: auto-boot false, then reboot. */
void sim_device_enter_recovery(struct sim_device *device);
void sim_device_unplug(struct sim_device *device);
void sim_device_plug(struct sim_device *device);
/** A finger; false: this device has no buttons. */
bool sim_hands_move(struct sim_device *device, enum sim_button button, bool down);
bool sim_nvram_get(struct sim_device *device, const char *name, char *out, size_t out_size);
void sim_nvram_set(struct sim_device *device, const char *name, const char *value, bool persist);
/** Settings of the person and the world: "locked", "trust" (ask|yes|no), "battery", "activation_locked", "find_my",
 *  "device_name", "fault.NAME"… as text in the state folder's device.plist; also changed by the control socket.
 *  yes and no are the words for flags. */
bool sim_setting(struct sim_device *device, const char *name, char *out, size_t out_size);
void sim_setting_put(struct sim_device *device, const char *name, const char *value);
/** The nonce was told in Normal mode: Recovery mode after it shows the same. */
void sim_nonce_keep(struct sim_device *device);
double sim_time_scale(struct sim_device *device);
/** Sleeps ms * time_scale. */
void sim_pause(struct sim_device *device, unsigned ms);
struct sim_transcript;
/** From now on all that hosts send to this device is written down. Before the device is started. */
bool sim_device_transcribe(struct sim_device *device, const char *path, struct rv_error *err);
/** NULL: it is not. */
struct sim_transcript *sim_device_transcript(struct sim_device *device);
/** The device's own record of what happened: one JSON line in STATE/record.jsonl. text is plain words. */
void sim_record(struct sim_device *device, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *sim_state_dir(struct sim_device *device);
/** Installed version and build, from installed.plist ("" when there is none). */
void sim_installed(struct sim_device *device, char version[32], char build[32]);
struct sim_notices;
/** What was posted to its notification proxy; notification.c alone looks inside. */
struct sim_notices *sim_device_notices(struct sim_device *device);
/** DER of the root "fused" into the chip; borrowed. */
struct rv_span sim_trust_root(struct sim_device *device);

/* ---- the running restore environment (SIM_RESTORE): what iBoot handed to the ramdisk ---- */
struct sim_boot {
    bool erase;                  /* which ramdisk was booted decides: Erase or Update */
    struct rv_blob *ticket;      /* IM4M that iBEC, ramdisk and kernel were booted with */
    char version[32], build[32]; /* of the firmware whose ramdisk runs */
};
const struct sim_boot *
sim_device_boot(struct sim_device *device); /* NULL outside Restore mode; lives as long as the device */

/* ---- storage: files in the state folder ---- */
/* system.img: the system volume. data.img: the user partition. flash/<tag>.img4: boot images. installed.plist. */
bool sim_storage_path(struct sim_device *device, const char *leaf, char *out, size_t out_size);
/** SHA-384 of system.img / data.img in hex. */
bool sim_storage_hash(struct sim_device *device, const char *leaf, char out[97], struct rv_error *err);
/** Marks the system volume as being rewritten (unbootable until sim_install_done). */
void sim_install_begin(struct sim_device *device);
bool sim_install_flash(struct sim_device *device, const char tag[5], struct rv_span image, struct rv_error *err);
/** Records version and the seal (hash of system.img) that the boot checks; erase also renews the user partition. */
bool sim_install_done(struct sim_device *device, struct rv_error *err);
/** Erase: a new empty user partition. */
bool sim_install_wipe_data(struct sim_device *device, struct rv_error *err);
