/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life: one thread a device moves it from mode to mode and tells the faces. Others only leave a plan.
 * Times are those of usb-modes section 16 (typical values of real devices) times the scale; never 0 off the bus,
 * because a host waits for the going before it waits for the coming.
 */
#include "sim/model.h"

#include "base/text.h"
#include "sim/restored.h"
#include "sim/services.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { AWAY_LEAST_MS = 60, LEAVE_LEAST_MS = 5 };
/* Real-device milliseconds. */
enum {
    AWAY_TO_NORMAL_MS = 25000,  /* [I] exit from Recovery 25-40 s */
    AWAY_TO_RECOVERY_MS = 4000, /* [I] 3-8 s */
    AWAY_TO_DFU_MS = 1750,      /* [I] */
    FALL_TO_RECOVERY_MS = 9600, /* as after EnterRecovery [measured by others] */
    LEAVE_ENTER_RECOVERY_MS = 7200,
    LEAVE_REBOOT_MS = 1700,
    LOOP_SHOWN_MS = 8000, /* [I] Normal mode seen for seconds in a boot loop */
    IDLE_OFF_MS = 15 * 60 * 1000,
};

static const char *const mode_words[] = { "off", "normal", "recovery", "dfu", "restore" };
static const char *const stage_words[] = { "nothing", "ROM", "iBSS", "iBoot", "iBEC", "kernel" };

static uint64_t scaled(struct sim_device *device, unsigned ms, unsigned least)
{
    uint64_t out = (uint64_t)((double)ms * device->scale);
    return out < least ? least : out;
}

/* ---- telling faces ---- */

static void tell(struct sim_device *device, enum sim_event_kind kind)
{
    struct sim_watcher watchers[SIM_LISTENERS_MAX];
    struct sim_event event = { kind, device->mode, device->generation };
    unsigned count = device->listener_count;
    memcpy(watchers, device->listeners, sizeof watchers);
    device->telling = true;
    sim_unlock(device);
    sim_record(device, kind == SIM_ATTACHED ? "attached" : "detached", "%s, address %u", mode_words[event.mode],
               event.generation);
    for (unsigned i = 0; i < count; i++)
        watchers[i].fn(watchers[i].context, &event);
    if (kind == SIM_ATTACHED && event.mode == SIM_RESTORE)
        sim_restored_begin(device);
    sim_lock(device);
    device->telling = false;
}

static void drop_link(struct sim_device *device)
{
    sim_unlock(device);
    pthread_mutex_lock(&device->link_lock);
    struct sim_mux_link *link = device->link;
    device->link = NULL;
    sim_mux_link_free(link);
    pthread_mutex_unlock(&device->link_lock);
    sim_lock(device);
}

static bool should_show(const struct sim_device *device)
{
    return device->plugged && device->mode != SIM_OFF && device->plan.phase != SIM_AWAY;
}

static void show_or_hide(struct sim_device *device)
{
    device->shown = should_show(device);
    if (device->shown) {
        device->generation++;
        device->configuration = 0;
        device->alternate = 0;
        device->halted = false;
        device->idle_since_ms = sim_now_ms();
        if (device->mode == SIM_DFU)
            device->dfu = (struct sim_dfu){ .state = DFU_IDLE };
    }
    rv_buf_clear(&device->upload);
    tell(device, device->shown ? SIM_ATTACHED : SIM_DETACHED);
    if (!device->shown)
        drop_link(device);
    pthread_cond_broadcast(&device->changed);
}

/* ---- arriving ---- */

static void enter(struct sim_device *device, enum sim_mode mode, enum sim_stage stage, bool fresh_nonce)
{
    device->mode = mode;
    device->stage = stage;
    plist_free(device->env);
    device->env = plist_new_dict();
    if (fresh_nonce)
        sim_nonce_fresh_locked(device, stage == SIM_STAGE_IBOOT);
    /* iBEC holds on to the ticket it was booted with: everything after must come with the same. */
    sim_iboot_clear_locked(device, stage == SIM_STAGE_IBEC);
    sim_hands_body_locked(device);
    sim_record(device, "mode", "%s, running %s", mode_words[mode], stage_words[stage]);
}

static void arrive_by_boot(struct sim_device *device, bool held)
{
    struct sim_verdict verdict;
    sim_unlock(device);
    sim_boot_judge(device, held, &verdict);
    sim_lock(device);
    sim_record(device, "boot", "%s", verdict.why);
    bool broken = verdict.mode == SIM_RECOVERY && verdict.stage == SIM_STAGE_NONE;
    if (!broken) {
        device->looping = false;
        enter(device, verdict.mode, verdict.stage, verdict.mode != SIM_OFF);
        return;
    }
    if (!device->looping)
        device->loops_left = (unsigned)sim_setting_number_locked(device, "boot_loop", 0);
    device->looping = device->loops_left > 0;
    if (!device->looping) {
        enter(device, SIM_RECOVERY, SIM_STAGE_IBOOT, true);
        return;
    }
    /* The kernel starts, shows itself on the bus and dies. */
    device->loops_left--;
    enter(device, SIM_NORMAL, SIM_STAGE_KERNEL, false);
    sim_record(device, "boot", "in a boot loop: %u more", device->loops_left);
    device->plan = (struct sim_plan){ .phase = SIM_LEAVING,
                                      .target = SIM_TO_BOOT,
                                      .due_ms = sim_now_ms() + scaled(device, LOOP_SHOWN_MS, 200),
                                      .away_ms = FALL_TO_RECOVERY_MS };
}

static enum sim_target bent_target(struct sim_device *device, enum sim_target target)
{
    char text[32];
    if (sim_fault_locked(device, "never_return", NULL, 0))
        return SIM_TO_NOTHING;
    if (sim_fault_locked(device, "return_mode", text, sizeof text)) {
        if (strcmp(text, "dfu") == 0)
            return SIM_TO_ROM;
        return strcmp(text, "recovery") == 0 ? SIM_TO_RECOVERY : SIM_TO_BOOT;
    }
    if (sim_fault_locked(device, "wrong_ecid", NULL, 0))
        device->strange_ecid = true;
    return target;
}

static void arrive_in_restore(struct sim_device *device)
{
    struct sim_boot *boot = rv_alloc(sizeof *boot);
    if (boot == NULL || device->boot_count == SIM_BOOTS_MAX) {
        rv_free(boot);
        arrive_by_boot(device, true);
        return;
    }
    *boot = device->iboot.boot;
    device->iboot.boot.ticket = NULL;
    device->boots[device->boot_count++] = boot;
    device->boot = boot;
    enter(device, SIM_RESTORE, SIM_STAGE_KERNEL, false);
}

static void arrive(struct sim_device *device)
{
    enum sim_target target = bent_target(device, device->plan.target);
    switch (target) {
    case SIM_TO_BOOT:
    case SIM_TO_RECOVERY:
        arrive_by_boot(device, target == SIM_TO_RECOVERY);
        break;
    case SIM_TO_ROM:
        enter(device, SIM_DFU, SIM_STAGE_ROM, true);
        break;
    case SIM_TO_IBSS:
        /* A7-A9: iBSS still speaks DFU, without SRTG; A10 and later show Recovery (boundary inferred). */
        enter(device, sim_chip_has_short_nonce(device->identity.chip) ? SIM_DFU : SIM_RECOVERY, SIM_STAGE_IBSS, true);
        break;
    case SIM_TO_IBEC:
        enter(device, SIM_RECOVERY, SIM_STAGE_IBEC, sim_fault_locked(device, "nonce_changed", NULL, 0));
        break;
    case SIM_TO_RESTORE:
        arrive_in_restore(device);
        break;
    case SIM_TO_NOTHING:
        enter(device, SIM_OFF, SIM_STAGE_NONE, false);
        break;
    }
    if (device->plan.phase == SIM_AWAY)
        device->plan.phase = SIM_STEADY;
    pthread_cond_broadcast(&device->changed);
}

static void leave(struct sim_device *device)
{
    device->plan.phase = SIM_AWAY;
    /* Fingers on the buttons decide where a start from its own storage leads. */
    bool by_hand = device->plan.target == SIM_TO_BOOT && sim_hands_start_locked(device, false);
    device->plan.due_ms = UINT64_MAX;
    if (device->shown)
        show_or_hide(device);
    if (!by_hand)
        device->plan.due_ms = sim_now_ms() + scaled(device, device->plan.away_ms, AWAY_LEAST_MS);
}

/* ---- the thread ---- */

/* iBoot powers off when nobody talks to it for a quarter of an hour; off by default, so that a person may read on. */
static uint64_t idle_due(struct sim_device *device)
{
    if (device->mode != SIM_RECOVERY || !device->shown || !sim_setting_flag_locked(device, "idle_off"))
        return UINT64_MAX;
    return device->idle_since_ms + scaled(device, IDLE_OFF_MS, 1);
}

static uint64_t next_due(struct sim_device *device)
{
    uint64_t due = device->plan.phase != SIM_STEADY ? device->plan.due_ms : idle_due(device);
    uint64_t hands = sim_hands_due_locked(device);
    return hands < due ? hands : due;
}

static void wait_until(struct sim_device *device, uint64_t due_ms)
{
    if (due_ms == UINT64_MAX) {
        pthread_cond_wait(&device->changed, &device->lock);
        return;
    }
    struct timespec at = { .tv_sec = (time_t)(due_ms / 1000), .tv_nsec = (long)(due_ms % 1000) * 1000000 };
    pthread_cond_timedwait(&device->changed, &device->lock, &at);
}

static void act(struct sim_device *device)
{
    if (sim_hands_due_locked(device) <= sim_now_ms()) {
        sim_hands_act_locked(device);
    } else if (device->plan.phase == SIM_LEAVING) {
        leave(device);
    } else if (device->plan.phase == SIM_AWAY) {
        arrive(device);
    } else {
        sim_record(device, "mode", "idle for too long: powers off");
        device->plan = (struct sim_plan){ SIM_LEAVING, SIM_TO_NOTHING, 0, 0 };
    }
}

static void *life_body(void *context)
{
    struct sim_device *device = context;
    sim_lock(device);
    while (!device->ending) {
        uint64_t due = next_due(device);
        if (due <= sim_now_ms())
            act(device);
        else if (device->shown != should_show(device))
            show_or_hide(device);
        else
            wait_until(device, due);
    }
    if (device->shown) {
        device->plan.phase = SIM_AWAY;
        show_or_hide(device);
    }
    sim_unlock(device);
    return NULL;
}

/* Readers are woken on a thread of their own: a link may call from inside its locks. */
static void *waker_body(void *context)
{
    struct sim_device *device = context;
    sim_lock(device);
    while (!device->ending) {
        if (!device->wake) {
            pthread_cond_wait(&device->readable, &device->lock);
            continue;
        }
        device->wake = false;
        struct sim_waker wakers[SIM_LISTENERS_MAX];
        unsigned count = device->waker_count;
        memcpy(wakers, device->wakers, sizeof wakers);
        sim_unlock(device);
        for (unsigned i = 0; i < count; i++)
            wakers[i].fn(wakers[i].context);
        sim_lock(device);
    }
    sim_unlock(device);
    return NULL;
}

void sim_wake_readers(void *context)
{
    struct sim_device *device = context;
    sim_lock(device);
    device->wake = true;
    pthread_cond_signal(&device->readable);
    sim_unlock(device);
}

bool sim_life_start(struct sim_device *device, struct rv_error *err)
{
    device->life_runs = pthread_create(&device->life, NULL, life_body, device) == 0;
    device->waker_runs = pthread_create(&device->waker, NULL, waker_body, device) == 0;
    return (device->life_runs && device->waker_runs) || rv_fail(err, RV_E_NOMEM, "no thread for the device");
}

void sim_life_end(struct sim_device *device)
{
    sim_lock(device);
    device->ending = true;
    pthread_cond_broadcast(&device->changed);
    pthread_cond_broadcast(&device->readable);
    sim_unlock(device);
    if (device->life_runs)
        pthread_join(device->life, NULL);
    if (device->waker_runs)
        pthread_join(device->waker, NULL);
    device->life_runs = device->waker_runs = false;
}

/* ---- orders ---- */

void sim_life_leave_locked(struct sim_device *device, enum sim_target target, unsigned leave_ms, unsigned away_ms)
{
    /* A device that has jumped into the next stage hears no second order; one in the dark may be told otherwise. */
    if (device->plan.phase == SIM_LEAVING && !device->looping)
        return;
    if (device->plan.phase == SIM_AWAY) {
        device->plan.target = target;
        return;
    }
    device->plan = (struct sim_plan){ .phase = SIM_LEAVING,
                                      .target = target,
                                      .due_ms = sim_now_ms() + scaled(device, leave_ms, LEAVE_LEAST_MS),
                                      .away_ms = away_ms };
    pthread_cond_broadcast(&device->changed);
}

static void await_settled_locked(struct sim_device *device, bool whole_plan)
{
    if (pthread_equal(pthread_self(), device->life))
        return;
    while (!device->ending && (device->telling || device->shown != should_show(device) ||
                               (whole_plan && device->plan.phase != SIM_STEADY)))
        pthread_cond_wait(&device->changed, &device->lock);
}

void sim_life_pull_locked(struct sim_device *device)
{
    device->plugged = false;
    pthread_cond_broadcast(&device->changed);
}

void sim_device_start(struct sim_device *device, enum sim_mode mode)
{
    sim_lock(device);
    device->looping = false;
    device->plan = (struct sim_plan){ .phase = SIM_AWAY,
                                      .target = mode == SIM_DFU        ? SIM_TO_ROM
                                                : mode == SIM_RECOVERY ? SIM_TO_RECOVERY
                                                : mode == SIM_OFF      ? SIM_TO_NOTHING
                                                                       : SIM_TO_BOOT };
    /* Was it on the bus, it leaves first. */
    if (device->shown)
        device->plan.due_ms = sim_now_ms() + AWAY_LEAST_MS;
    pthread_cond_broadcast(&device->changed);
    await_settled_locked(device, true);
    sim_unlock(device);
}

/* What a boot from storage will come to, near enough to choose how long the screen stays black. */
static unsigned black_ms(struct sim_device *device)
{
    return sim_auto_boot_locked(device) ? AWAY_TO_NORMAL_MS : AWAY_TO_RECOVERY_MS;
}

void sim_life_black_locked(struct sim_device *device)
{
    device->plan = (struct sim_plan){ .phase = SIM_AWAY, .target = SIM_TO_BOOT, .due_ms = UINT64_MAX };
    pthread_cond_broadcast(&device->changed);
}

void sim_life_arrive_locked(struct sim_device *device, enum sim_target target, unsigned after_ms)
{
    unsigned ms = after_ms != 0 ? after_ms : black_ms(device);
    device->plan = (struct sim_plan){ .phase = SIM_AWAY,
                                      .target = target,
                                      .due_ms = sim_now_ms() + scaled(device, ms, AWAY_LEAST_MS) };
    pthread_cond_broadcast(&device->changed);
}

void sim_device_reboot(struct sim_device *device, const char *why)
{
    sim_record(device, "reboot", "%s", why);
    sim_lock(device);
    sim_life_leave_locked(device, SIM_TO_BOOT, LEAVE_REBOOT_MS, black_ms(device));
    sim_unlock(device);
}

void sim_device_shutdown(struct sim_device *device)
{
    sim_record(device, "reboot", "shut down");
    sim_lock(device);
    sim_life_leave_locked(device, SIM_TO_NOTHING, LEAVE_REBOOT_MS, 0);
    sim_unlock(device);
}

void sim_device_enter_recovery(struct sim_device *device)
{
    sim_record(device, "reboot", "EnterRecovery");
    sim_lock(device);
    sim_nvram_put_locked(device, "auto-boot", "false");
    sim_life_leave_locked(device, SIM_TO_BOOT, LEAVE_ENTER_RECOVERY_MS, FALL_TO_RECOVERY_MS);
    sim_unlock(device);
}

void sim_device_unplug(struct sim_device *device)
{
    sim_record(device, "cable", "pulled");
    sim_lock(device);
    sim_life_pull_locked(device);
    await_settled_locked(device, false);
    sim_unlock(device);
}

void sim_device_plug(struct sim_device *device)
{
    sim_record(device, "cable", "plugged in");
    sim_lock(device);
    device->plugged = true;
    /* A phone that is off starts when it gets power. */
    if (device->mode == SIM_OFF && device->plan.phase == SIM_STEADY)
        device->plan =
            (struct sim_plan){ SIM_AWAY, SIM_TO_BOOT, sim_hands_start_locked(device, true) ? UINT64_MAX : 0, 0 };
    else if (device->plan.phase == SIM_AWAY && device->plan.target == SIM_TO_NOTHING)
        device->plan.target = SIM_TO_BOOT;
    pthread_cond_broadcast(&device->changed);
    await_settled_locked(device, false);
    sim_unlock(device);
}
