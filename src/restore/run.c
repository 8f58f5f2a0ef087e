/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only loop over steps: mode check, cancel point, retry, progress, log and journal in one place. A step knows
 * nothing of the others.
 */
#include "restore/internal.h"
#include "restore/patience.h"

#include "base/language.h"
#include "base/text.h"
#include "device/identity.h"

#include <stdio.h>
#include <string.h>

enum {
    RETRIES = 2,
    MOVES_MOST = 4, /* a device that changes its mode again and again is not followed for ever */
    STARTING_PAUSE_MS = 1000,
    ANSWER_MS = 30000,  /* usbmux sees a starting device 5 to 20 s before lockdown answers */
    LOOKS_AT_LEAST = 3, /* one look at a system that is starting may itself last as long as the deadline */
};

void rv_restore_target(const struct rv_restore *r, struct rv_target *out)
{
    const struct rv_identity *id = &r->device.identity;
    *out = (struct rv_target){
        .ecid = id->ecid,
        .chip = id->chip,
        .board = id->board,
        .have_chip = id->have_chip,
        .have_board = id->have_board,
        .hardware_model = id->hardware_model[0] == '\0' ? NULL : id->hardware_model,
        .product_type = id->product_type[0] == '\0' ? NULL : id->product_type,
        .ap_nonce = rv_span(id->ap_nonce, id->ap_nonce_len),
        .sep_nonce = rv_span(id->sep_nonce, id->sep_nonce_len),
    };
}

struct rv_usb *rv_restore_usb(struct rv_restore *r, struct rv_error *err)
{
    if (r->usb == NULL)
        r->usb = rv_device_open_usb(r->fleet, &r->device, err);
    return r->usb;
}

void rv_restore_usb_close(struct rv_restore *r)
{
    rv_usb_free(r->usb);
    r->usb = NULL;
}

void rv_restore_progress(struct rv_restore *r, uint64_t done, uint64_t total, const char *unit, const char *text)
{
    double part = total == 0 ? 0 : done >= total ? 1 : (double)done / (double)total;
    double percent = r->percent_base + r->percent_weight * part;
    if (percent > r->percent)
        r->percent = percent > 100 ? 100 : percent;
    rv_tell(r->ctx, &(struct rv_event){ .kind = RV_EVENT_PROGRESS,
                                        .step = r->step->name,
                                        .text = text,
                                        .unit = unit,
                                        .done = done,
                                        .total = total,
                                        .percent = r->percent });
}

/* ---- one step ---- */

static bool may_retry(const struct rv_error *err)
{
    return err->code == RV_E_TIMEOUT || err->code == RV_E_PROTOCOL || err->code == RV_E_BUSY || err->code == RV_E_GONE;
}

/* The device must still be there in the same enumeration: what was sent before is in its memory. */
static bool still_there(struct rv_restore *r)
{
    struct rv_error gone = { 0 };
    struct rv_device now;
    return rv_fleet_await(r->fleet, r->device.identity.ecid, RV_MODE_BIT(r->step->needs), NULL, RV_WAIT_AGAIN_MS, &now,
                          &gone) &&
           now.usb.address == r->device.usb.address && now.usb.bus == r->device.usb.bus;
}

/*
 * A device that a killed run had just told to start something is found before it leaves, and comes back anew; where it
 * comes in another mode, the plan of that mode is the one to follow.
 */
static bool came_anew(struct rv_restore *r)
{
    struct rv_error gone = { 0 };
    struct rv_device now;
    if (!rv_fleet_await(r->fleet, r->device.identity.ecid, RV_MODES_ALL, &r->device, RV_WAIT_FIND_MS, &now, &gone))
        return false;
    rv_identity_merge(&now.identity, &r->device.identity);
    r->device = now;
    r->moved =
        now.mode != r->step->needs && rv_plan_for(now.mode, r->options->behavior).count > 0 && r->moves++ < MOVES_MOST;
    return now.mode == r->step->needs;
}

static bool once_more(struct rv_restore *r, const struct rv_error *err)
{
    if (r->step->flags & RV_STEP_FRESH)
        return err->code == RV_E_GONE && came_anew(r);
    return (r->step->flags & RV_STEP_RETRY) && may_retry(err) && still_there(r);
}

static bool run_step(struct rv_restore *r, struct rv_error *err)
{
    const struct rv_step *step = r->step;
    struct rv_error first = { 0 };
    for (unsigned attempt = 0;; attempt++) {
        if (step->run(r, err))
            return true;
        rv_restore_usb_close(r);
        /* A transfer that froze holds the device when it is opened again: what came before is the reason. */
        if (err->code == RV_E_BUSY && first.code != RV_OK) {
            rv_log(r->ctx->log, RV_LOG_INFO, "restore", "once more: %s", err->text[0]);
            *err = first;
        }
        first = *err;
        if (attempt >= RETRIES || !once_more(r, err))
            return false;
        rv_tell_warning(r->ctx, "%s did not work (%s): trying once more", _(step->words), err->text[0]);
        memset(err, 0, sizeof *err);
    }
}

static bool check_mode(struct rv_restore *r, enum rv_mode mode, struct rv_error *err)
{
    if (mode == RV_MODE_COUNT || r->device.mode == mode)
        return true;
    return rv_fail(err, RV_E_PROTOCOL, "the device is in %s instead of %s", rv_mode_words(r->device.mode),
                   rv_mode_words(mode));
}

/* A disk that fills up half way must not stop an installation: it is only told. */
static void write_down(struct rv_restore *r, const char *step)
{
    struct rv_error unwritten = { 0 };
    if (r->journal != NULL && rv_journal_begun(r->journal) && !rv_journal_step(r->journal, step, &unwritten))
        rv_tell_warning(r->ctx, "How far the work is could not be written down: %s", unwritten.text[0]);
}

static bool take_step(struct rv_restore *r, struct rv_error *err)
{
    const struct rv_step *step = r->step;
    rv_tell_step(r->ctx, step->name, step->words);
    rv_restore_progress(r, 0, 1, "steps", NULL);
    if (!check_mode(r, step->needs, err))
        return false;
    r->touched |= (step->flags & RV_STEP_TOUCHES) != 0;
    rv_log(r->ctx->log, RV_LOG_INFO, "restore", "step %s begins", step->name);
    if (!run_step(r, err) || !check_mode(r, step->leaves, err)) {
        r->result->failed_step = step->name;
        r->result->failed_code = err->code;
        /* What may be done again is what was sent over USB. */
        if (err->apple == 0 && (step->flags & RV_STEP_RETRY))
            err->apple = rv_number_of_usb(err->code);
        return rv_while(err, "in the step '%s' (%s)", step->name, step->words);
    }
    rv_restore_progress(r, 1, 1, "steps", NULL);
    write_down(r, step->name);
    return true;
}

/* ---- the job ---- */

static bool begin_journal(struct rv_restore *r, enum rv_mode started_in, struct rv_error *err)
{
    struct rv_journal_start start = {
        .ipsw_path = r->options->ipsw_path,
        .ticket_path = r->options->ticket_path,
        .behavior = r->options->behavior,
        .ecid = r->device.identity.ecid,
        .started_in = started_in,
    };
    bool goes_on = rv_journal_unfinished(r->journal);
    if (!rv_journal_begin(r->journal, &start, err))
        return false;
    r->result->resumed = rv_journal_job(r->journal)->attempts - 1;
    r->touched |= goes_on && started_in != RV_MODE_NORMAL;
    return true;
}

/* From step `first` on: another way in begins behind the checks that were made already. */
static bool run_plan(struct rv_restore *r, struct rv_plan plan, size_t first, struct rv_error *err)
{
    double weights = 0;
    for (size_t i = 0; i < plan.count; i++)
        weights += plan.steps[i].weight;
    r->percent_base = first == 0 ? 0 : 100.0 * plan.steps[0].weight / weights;
    for (size_t i = first; i < plan.count; i++) {
        if (!rv_cancel_point(&r->ctx->cancel, err))
            return false;
        /* What an earlier run installed was found well: only the first start is left to see. */
        if (r->finished && i > 0 && i + 1 < plan.count)
            continue;
        r->step = &plan.steps[i];
        r->percent_weight = 100.0 * r->step->weight / weights;
        if (!take_step(r, err))
            return false;
        r->percent_base += r->percent_weight;
        /* Nothing is written down before the firmware is known to be good, and nothing is sent before it is. */
        if (i == 0 && (r->options->dry_run || !begin_journal(r, plan.steps[0].needs, err)))
            return r->options->dry_run;
        if (i == 0 && r->finished && !rv_journal_step(r->journal, "install", err))
            return false;
    }
    return true;
}

static void tell_plan(struct rv_restore *r, struct rv_plan plan)
{
    for (size_t i = 1; i < plan.count; i++)
        rv_tell_note(r->ctx, "%zu. %s%s", i, _(plan.steps[i].words),
                     plan.steps[i].flags & RV_STEP_ERASES ? _(" (erases everything on the device)") : "");
}

static void mask_identifiers(struct rv_restore *r)
{
    char text[32];
    snprintf(text, sizeof text, "%llX", (unsigned long long)r->device.identity.ecid);
    rv_log_mask(r->ctx->log, text);
    if (r->device.identity.serial[0] != '\0')
        rv_log_mask(r->ctx->log, r->device.identity.serial);
    if (r->device.identity.udid[0] != '\0')
        rv_log_mask(r->ctx->log, r->device.identity.udid);
}

/*
 * A system that is just starting is on the bus before it tells who it is, one in a boot loop never comes so far, and
 * one whose installation broke off may be restarting right now.
 */
static bool pick_patiently(struct rv_ctx *ctx, struct rv_fleet *fleet, const char *selector, bool patient,
                           struct rv_device *out, struct rv_error *err)
{
    struct rv_deadline deadline = rv_deadline_in(&ctx->clock, RV_WAIT_STARTING_MS);
    struct rv_error none = { 0 };
    struct rv_job *job = rv_alloc(sizeof *job);
    bool expected = job != NULL && rv_job_find(ctx, 0, job, &none);
    rv_free(job);
    for (unsigned looks = 1;; looks++) {
        struct rv_error seen = { 0 };
        bool found = rv_fleet_pick(fleet, selector, out, &seen);
        bool mute = out->identity.ecid == 0 || (out->silent && expected);
        bool again = found ? mute && !out->denied : seen.code == RV_E_NO_DEVICE && expected;
        if (!again || !patient || (looks >= LOOKS_AT_LEAST && rv_deadline_left_ms(&deadline) == 0)) {
            *err = seen;
            return found;
        }
        if (!rv_clock_pause(&ctx->clock, STARTING_PAUSE_MS, "the device is starting", &ctx->cancel, err))
            return false;
    }
}

bool rv_restore_find(struct rv_ctx *ctx, struct rv_fleet *fleet, const char *selector, bool patient,
                     struct rv_device *out, struct rv_error *err)
{
    if (!pick_patiently(ctx, fleet, selector, patient, out, err))
        return false;
    if (!out->denied)
        return true;
    rv_fail(err, RV_E_DENIED, "the device is attached, but this user may not open it over USB");
    return rv_advise(err, RV_ADVICE_USB_RIGHTS);
}

/*
 * A system that has just started answers a little later, and one that is going down after an installation broke off
 * turns up in another mode; one that does neither is gone round by hand.
 */
static bool await_answer(struct rv_restore *r, struct rv_error *err)
{
    struct rv_device now;
    if (rv_fleet_await(r->fleet, r->device.identity.ecid, RV_MODES_ALL, NULL, ANSWER_MS, &now, err) &&
        now.identity.ecid != 0) {
        r->device = now;
        return true;
    }
    if (err->code == RV_E_CANCELLED)
        return false;
    memset(err, 0, sizeof *err);
    rv_fail(err, RV_E_TIMEOUT, "the device is attached, but its system does not answer");
    rv_advise(err, RV_ADVICE_UNLOCK);
    return rv_door_next(r, err);
}

/* The device of an interrupted job, or the one whose erasing was agreed to: it may be restarting, or not answer. */
static bool find_known(struct rv_restore *r, struct rv_error *err)
{
    char selector[24];
    struct rv_error absent = { 0 };
    snprintf(selector, sizeof selector, "0x%llX", (unsigned long long)r->options->ecid);
    if (rv_restore_find(r->ctx, r->fleet, selector, false, &r->device, &absent) ||
        rv_fleet_await(r->fleet, r->options->ecid, RV_MODES_ALL, NULL, RV_WAIT_FIND_MS, &r->device, err))
        return true;
    if (err->code == RV_E_TIMEOUT)
        err->code = RV_E_NO_DEVICE;
    return rv_while(err, r->options->waited ? "looking for the device again"
                                            : "looking for the device of the interrupted update");
}

static bool find_device(struct rv_restore *r, struct rv_error *err)
{
    if (r->options->ecid != 0
            ? !find_known(r, err)
            : !rv_restore_find(r->ctx, r->fleet, r->options->selector, !r->options->waited, &r->device, err))
        return false;
    if (r->device.identity.ecid != 0 && !r->device.silent)
        return true;
    if (r->device.mode == RV_MODE_NORMAL && !r->options->dry_run)
        return await_answer(r, err);
    if (r->device.identity.ecid != 0)
        return true;
    return rv_fail(err, RV_E_UNSUPPORTED, "the device in %s does not tell its ECID", rv_mode_words(r->device.mode));
}

/* What a person finds in front of him after a break. */
static void tell_state(struct rv_restore *r)
{
    if (rv_cancel_asked(&r->ctx->cancel))
        return;
    enum rv_mode now = rv_restore_where(r, NULL, 1);
    if (now != RV_MODE_NONE)
        rv_tell_warning(r->ctx, "The device is now in %s.", _(rv_mode_words(now)));
    else
        rv_tell_warning(r->ctx, "The device is not attached now (or is restarting).");
}

static void broke_off(struct rv_restore *r, struct rv_error *err)
{
    if (err->code == RV_E_CANCELLED && r->touched && r->result->resumed == 0) {
        struct rv_error undo = { 0 };
        if (rv_restore_undo(r, &undo)) {
            r->touched = false;
            rv_tell_note(r->ctx, "The device starts again as it was: nothing was changed on it.");
        }
    }
    if (r->touched) {
        tell_state(r);
        if (r->options->behavior == RV_BEHAVIOR_UPDATE)
            rv_tell_warning(r->ctx, "An Update does not touch the data: `revive resume` goes on.");
        char code[32];
        snprintf(code, sizeof code, "%s", rv_code_name(err->code));
        err->code = RV_E_UNFINISHED;
        rv_while(err, "broken off after work on the device had begun (%s)", code);
    }
    if (r->journal != NULL && rv_journal_begun(r->journal)) {
        struct rv_error unwritten = { 0 };
        if (!rv_journal_end(r->journal, r->touched ? "failed" : "stopped", err->text[0], &unwritten))
            rv_tell_warning(r->ctx, "How far the work is could not be written down: %s", unwritten.text[0]);
    }
}

/* An earlier run saw the device end its installation well, but not its first start. */
static bool only_to_finish(const struct rv_restore *r)
{
    const struct rv_job *job = rv_journal_job(r->journal);
    return rv_journal_unfinished(r->journal) && r->device.mode == RV_MODE_NORMAL &&
           job->behavior == r->options->behavior && strcmp(job->last_step, "install") == 0;
}

static bool run_job(struct rv_restore *r, struct rv_error *err)
{
    if (!find_device(r, err))
        return false;
    r->result->started_in = r->device.mode;
    mask_identifiers(r);
    struct rv_plan plan = rv_plan_for(r->device.mode, r->options->behavior);
    if (plan.count == 0)
        return rv_fail(err, RV_E_UNSUPPORTED, "there is no way to install iOS from %s", rv_mode_words(r->device.mode));
    if (!r->options->dry_run) {
        r->journal = rv_journal_open(r->ctx, r->device.identity.ecid, err);
        if (r->journal == NULL)
            return false;
        if (only_to_finish(r)) {
            r->finished = true;
            r->result->not_apple = rv_journal_job(r->journal)->not_apple;
            plan = rv_plan_finish();
        }
    }
    bool fine = run_plan(r, plan, 0, err);
    while (!fine && !r->options->dry_run && (r->moved || rv_door_next(r, err))) {
        r->moved = false;
        memset(err, 0, sizeof *err);
        fine = run_plan(r, rv_plan_for(r->device.mode, r->options->behavior), 1, err);
    }
    if (!fine) {
        broke_off(r, err);
        return false;
    }
    if (r->options->dry_run) {
        tell_plan(r, plan);
        return true;
    }
    struct rv_error unwritten = { 0 };
    if (!rv_journal_end(r->journal, "done", NULL, &unwritten))
        rv_tell_warning(r->ctx, "That the work is done could not be written down: %s", unwritten.text[0]);
    return true;
}

bool rv_restore_run(struct rv_fleet *fleet, const struct rv_restore_options *options, struct rv_restore_result *result,
                    struct rv_error *err)
{
    memset(result, 0, sizeof *result);
    if (options->behavior == RV_BEHAVIOR_ERASE && !options->consent && !options->dry_run)
        return rv_fail(err, RV_E_USAGE, "nobody agreed to erasing the device");
    struct rv_restore r = { .ctx = rv_fleet_ctx(fleet), .fleet = fleet, .options = options, .result = result };
    bool fine = run_job(&r, err);
    result->device = r.device;
    result->data_kept = fine && options->behavior == RV_BEHAVIOR_UPDATE && r.finished &&
                        r.device.mode == RV_MODE_NORMAL && !options->dry_run;
    rv_restore_usb_close(&r);
    rv_awake_free(r.awake);
    rv_ticket_free(r.ticket);
    rv_plist_auto(&r.modem_state);
    rv_ipsw_free(r.ipsw);
    rv_journal_free(r.journal);
    return fine;
}
