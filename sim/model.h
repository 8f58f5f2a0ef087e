/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the virtual iPhone: what device.c, life.c, boot.c, dfu.c, iboot.c, usb.c and storage.c share.
 * One mutex guards everything here that is not said to be constant. Functions named *_locked want it held.
 */
#pragma once

#include "sim/cut.h"
#include "sim/device.h"
#include "sim/notices.h"

#include <plist/plist.h>
#include <pthread.h>

struct sim_mux_link;
struct sim_services;

/* What a device does next after it has left the bus. */
enum sim_target {
    SIM_TO_BOOT,     /* power on: what storage and NVRAM say */
    SIM_TO_ROM,      /* SecureROM waiting in DFU */
    SIM_TO_IBSS,     /* an accepted iBSS */
    SIM_TO_IBEC,     /* an accepted iBEC */
    SIM_TO_RECOVERY, /* own iBoot, held by buttons */
    SIM_TO_RESTORE,  /* an accepted kernel and ramdisk */
    SIM_TO_NOTHING,  /* powered off */
};

enum sim_phase { SIM_STEADY, SIM_LEAVING, SIM_AWAY };
struct sim_plan {
    enum sim_phase phase;
    enum sim_target target;
    uint64_t due_ms;
    unsigned away_ms; /* real-device value; times the scale */
};

/* USB DFU states (usb-modes section 5). */
enum {
    DFU_IDLE = 2,
    DFU_DNLOAD_SYNC = 3,
    DFU_DNLOAD_IDLE = 5,
    DFU_MANIFEST_SYNC = 6,
    DFU_MANIFEST = 7,
    DFU_WAIT_RESET = 8,
    DFU_ERROR = 10,
};
struct sim_dfu {
    uint8_t state, status;
};

/* An upload under way, for the transcript: bulk transfers, or the blocks of a DFU download. */
struct sim_upload_seen {
    unsigned transfers, status_reads;
    size_t largest;
    bool empty_transfer; /* one of no bytes among them */
};

enum { SIM_ANSWER_MAX = 256, SIM_LOADED_MAX = 64 };
/* What a stage of iBoot holds. */
struct sim_iboot {
    char answer[SIM_ANSWER_MAX];
    char loaded[SIM_LOADED_MAX][5]; /* tags accepted in this stage */
    unsigned loaded_count;
    bool ramdisk_known;
    struct sim_boot boot; /* being put together; ticket = the one this stage was booted with, or the first taken */
};

enum { SIM_LISTENERS_MAX = 16, SIM_BOOTS_MAX = 64 };
struct sim_watcher {
    sim_event_fn *fn;
    void *context;
};
struct sim_waker {
    void (*fn)(void *);
    void *context;
};

struct sim_device {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* anything: the life thread and those who wait for it */
    pthread_t life;
    bool life_runs, ending;

    pthread_mutex_t record_lock;
    int record_fd;
    struct sim_cut cut;
    struct sim_transcript *transcript; /* NULL: nobody wants to know what the host sends */
    pthread_mutex_t backup_lock;       /* one request to the backup agent at a time; taken before all others */
    pthread_mutex_t link_lock;         /* guards link; never taken while lock is held */
    struct sim_mux_link *link;

    pthread_t waker;
    pthread_cond_t readable;
    bool waker_runs, wake;

    struct sim_services *services; /* constant; ports and connections */
    char *dir;                     /* constant */
    struct rv_blob *root;          /* constant */
    struct sim_identity identity;
    uint32_t seed;
    uint64_t nonce_count, draw_count;
    plist_t settings, nvram, env;
    struct sim_notices notices;
    double scale;

    enum sim_stage stage;
    enum sim_mode mode; /* what runs, on the bus or not */
    bool plugged, shown;
    bool telling; /* listeners are being called about the last change */
    unsigned generation;
    unsigned loops_left; /* Normal mode to be shown and lost so many times more */
    bool looping;
    bool strange_ecid; /* fault: another ECID is shown */
    struct sim_plan plan;
    uint64_t idle_since_ms;
    struct sim_buttons buttons; /* in their own clock: real-device milliseconds since hands_epoch_ms */
    uint64_t hands_epoch_ms;
    bool has_buttons;

    uint8_t configuration, alternate;
    bool halted; /* bulk OUT 0x04 */
    struct rv_buf upload;
    struct sim_upload_seen upload_seen;
    struct sim_dfu dfu;
    struct sim_iboot iboot;
    struct sim_boot *boot; /* of the present Restore mode */
    struct sim_boot *boots[SIM_BOOTS_MAX];
    unsigned boot_count;

    struct sim_watcher listeners[SIM_LISTENERS_MAX];
    struct sim_waker wakers[SIM_LISTENERS_MAX];
    unsigned listener_count, waker_count;
};

/* device.c */
void sim_lock(struct sim_device *device);
void sim_unlock(struct sim_device *device);
uint64_t sim_now_ms(void);
void sim_setting_text_locked(struct sim_device *device, const char *name, const char *otherwise, char *out,
                             size_t size);
bool sim_setting_flag_locked(struct sim_device *device, const char *name);
uint64_t sim_setting_number_locked(struct sim_device *device, const char *name, uint64_t otherwise);
void sim_device_save_locked(struct sim_device *device);

/* fault.c: a fault is a setting "fault.NAME"; true when it strikes now, with its value. */
bool sim_fault_locked(struct sim_device *device, const char *name, char *value, size_t size);
bool sim_fault_at_locked(struct sim_device *device, const char *name, uint64_t from, uint64_t to);

/* nvram.c */
const char *sim_env_default(struct sim_device *device, const char *name, char *out, size_t size);
bool sim_env_get_locked(struct sim_device *device, const char *name, char *out, size_t size);
void sim_env_set_locked(struct sim_device *device, const char *name, const char *value);
void sim_env_save_locked(struct sim_device *device);
bool sim_auto_boot_locked(struct sim_device *device);
void sim_nvram_put_locked(struct sim_device *device, const char *name, const char *value);

/* nonce.c */
void sim_nonce_fresh_locked(struct sim_device *device, bool own_iboot);
/** First bytes of SHA-384 (20: SHA-1) of the generator, by chip. Exposed for its test vectors. */
size_t sim_nonce_of_generator(uint32_t chip, uint64_t ecid, uint64_t generator, uint8_t out[SIM_NONCE_MAX]);
bool sim_chip_has_short_nonce(uint32_t chip);

/* life.c */
bool sim_life_start(struct sim_device *device, struct rv_error *err);
void sim_life_end(struct sim_device *device);
/** leave_ms, away_ms: real-device values. The first order given stands. */
void sim_life_leave_locked(struct sim_device *device, enum sim_target target, unsigned leave_ms, unsigned away_ms);
void sim_life_pull_locked(struct sim_device *device);
void sim_wake_readers(void *device);
/** Off the bus at once; where it comes back is not known yet. */
void sim_life_black_locked(struct sim_device *device);
/** It is known now; after_ms (real-device; 0: as long as its system takes). */
void sim_life_arrive_locked(struct sim_device *device, enum sim_target target, unsigned after_ms);

/* hands.c */
void sim_hands_init(struct sim_device *device);
uint64_t sim_hands_due_locked(const struct sim_device *device);
void sim_hands_act_locked(struct sim_device *device);
/** The device has come to its mode. */
void sim_hands_body_locked(struct sim_device *device);
/** It restarts for another reason; true: fingers are on its buttons, and they decide where to. */
bool sim_hands_start_locked(struct sim_device *device, bool cold);
const char *sim_hands_screen_locked(const struct sim_device *device);

/* boot.c */
struct sim_verdict {
    enum sim_stage stage;
    enum sim_mode mode;
    char why[200];
};
/** What the storage boots to. Reads files: call without the lock. */
void sim_boot_judge(struct sim_device *device, bool to_recovery, struct sim_verdict *out);
/** The upload as an image of `tag`; false and a line in the record when it is refused. The ticket is copied. */
bool sim_boot_accept_locked(struct sim_device *device, const char *tag, struct rv_span img4, struct rv_blob **ticket,
                            struct rv_span *payload);

/* usb.c and its two protocols */
int sim_dfu_control_locked(struct sim_device *device, const uint8_t setup[8], uint8_t *data, size_t len);
void sim_dfu_bus_reset_locked(struct sim_device *device);
int sim_iboot_control_locked(struct sim_device *device, const uint8_t setup[8], uint8_t *data, size_t len);
int sim_iboot_bulk_out_locked(struct sim_device *device, const uint8_t *data, size_t len);
void sim_iboot_clear_locked(struct sim_device *device, bool keep_ticket);
void sim_iboot_drop_upload_locked(struct sim_device *device);
size_t sim_string_descriptor_locked(struct sim_device *device, unsigned index, uint8_t *to, size_t room);
size_t sim_device_descriptor_locked(struct sim_device *device, uint8_t *to, size_t room);
size_t sim_config_descriptor_locked(struct sim_device *device, unsigned index, uint8_t *to, size_t room);

/* transcript_usb.c: transfers of DFU and Recovery mode, before they are carried out. */
void sim_transcript_control_locked(struct sim_device *device, const uint8_t setup[8], const uint8_t *data, size_t len);
void sim_transcript_bulk_locked(struct sim_device *device, uint8_t endpoint, size_t len);
/** The upload buffer is emptied: what was counted of it is over. */
void sim_transcript_forget_upload_locked(struct sim_device *device);

/* storage.c */
plist_t sim_plist_load(const char *path, struct rv_error *err);
bool sim_plist_save(plist_t value, const char *path, struct rv_error *err);
bool sim_file_hash(const char *path, char out[97], struct rv_error *err);
bool sim_storage_damage(struct sim_device *device, const char *leaf, struct rv_error *err);
bool sim_data_lay(const char *path, uint64_t bytes, uint32_t seed, struct rv_error *err);
bool sim_installed_write(const char *dir, const char *version, const char *build, const char *iboot,
                         struct rv_error *err);
bool sim_dict_text(plist_t dict, const char *key, char *out, size_t size);
