/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder: look, decide by the table (data/ladder.h), say it, ask, take one rung, look again. What a rung does is in
 * rescue_rungs.c, what was tried in rescue_story.c; here is only the loop and the words between.
 */
#include "command/rescue.h"

#include "base/language.h"
#include "base/text.h"
#include "command/device_json.h"
#include "command/triage.h"
#include "command/verbs.h"
#include "device/rhythm.h"
#include "restore/restore.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STEPS_MAX = 24, BACK_MS = 90000, CATCH_MS = 60000, LOOK_MS = 50 };

struct sight {
    const char *state, *words; /* of the table of situations, or one of two of its own */
};

/* ---- looking ---- */

static bool scan(struct rv_rescue *r, bool *mux_missing, struct rv_error *err)
{
    struct rv_error none = { 0 };
    const char *selector = rv_arg(r->run->args, "device");
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_device) * RV_USB_DEVICES_MAX, err);
    size_t count = 0;
    if (room == NULL)
        return false;
    struct rv_device *list = (struct rv_device *)(void *)room->data;
    if (!rv_fleet_scan(r->fleet, list, RV_USB_DEVICES_MAX, &count, mux_missing, err))
        return false;
    bool known = r->device.identity.ecid != 0;
    r->seen = false;
    for (size_t i = 0; known && i < count && !r->seen; i++) {
        r->seen = list[i].identity.ecid == r->device.identity.ecid;
        if (r->seen)
            r->device = list[i];
    }
    if (known)
        return true;
    r->seen = rv_fleet_pick(r->fleet, selector, &r->device, &none);
    if (!r->seen && none.code == RV_E_USAGE) { /* several, and none was named */
        *err = none;
        return false;
    }
    return true;
}

/* A device that is still going from one mode to the next is given the time for it. */
static bool await_back(struct rv_rescue *r, struct rv_error *err)
{
    struct rv_error late = { 0 };
    struct rv_device now;
    const unsigned any = RV_MODE_BIT(RV_MODE_NORMAL) | RV_MODE_BIT(RV_MODE_RECOVERY) | RV_MODE_BIT(RV_MODE_DFU) |
                         RV_MODE_BIT(RV_MODE_RESTORE) | RV_MODE_BIT(RV_MODE_PORT_DFU) | RV_MODE_BIT(RV_MODE_KIS);
    if (r->seen || r->device.identity.ecid == 0)
        return true;
    r->seen = rv_fleet_await(r->fleet, r->device.identity.ecid, any, NULL, BACK_MS, &now, &late);
    if (r->seen)
        r->device = now;
    else if (late.code == RV_E_CANCELLED)
        *err = late;
    return r->seen || late.code != RV_E_CANCELLED;
}

static bool watch(struct rv_rescue *r, enum rv_rhythm_verdict *rhythm, struct rv_error *err)
{
    bool running = r->seen && r->device.mode == RV_MODE_NORMAL;
    *rhythm = RV_RHYTHM_STEADY;
    if (r->watched || (r->seen && !running))
        return true;
    rv_tell_step(r->run->ctx, "watch-rhythm",
                 running ? N_("Watching for a minute whether it stays on: leave the cable in")
                         : N_("Nothing is on the cable: looking for a minute whether something comes"));
    return rv_fleet_watch_rhythm(r->fleet, r->seen ? &r->device : NULL, rhythm, err);
}

/* One that comes and goes is asked who it is in the seconds in which it is there. */
static bool catch_it(struct rv_rescue *r, bool *mux_missing, struct rv_error *err)
{
    struct rv_deadline deadline = rv_deadline_in(&r->run->ctx->clock, CATCH_MS);
    while (r->device.identity.ecid == 0 && rv_deadline_left_ms(&deadline) > 0)
        if (!scan(r, mux_missing, err) || !rv_usb_bus_wait(rv_fleet_usb(r->fleet), LOOK_MS, err))
            return false;
    r->seen = r->device.identity.ecid != 0 || r->device.identity.udid[0] != '\0' || r->device.usb.port[0] != '\0';
    return true;
}

static bool take_up_story(struct rv_rescue *r, struct rv_error *err)
{
    struct rv_ctx *ctx = r->run->ctx;
    if (r->story.ecid != 0 || r->device.identity.ecid == 0)
        return true;
    if (!rv_story_claim(ctx, r->device.identity.ecid, &r->lock, err))
        return false;
    bool afresh = rv_arg_flag(r->run->args, "start-over");
    if (afresh)
        r->story.ecid = r->device.identity.ecid;
    else
        rv_story_load(ctx, r->device.identity.ecid, &r->story);
    const struct rv_symptom *said = rv_symptom(r->story.symptom);
    r->looks = said != NULL ? said->looks : r->looks;
    snprintf(r->story.model, sizeof r->story.model, "%s", r->device.identity.name);
    if (r->story.goes_on && r->story.count > 0)
        rv_tell_note(ctx, "Going on with the rescue of this device begun at %s. (--start-over forgets what was tried.)",
                     r->story.began);
    return true;
}

static void note_begun_erase(struct rv_rescue *r)
{
    struct rv_error none = { 0 };
    struct rv_job job;
    if (r->device.identity.ecid != 0 && rv_job_find(r->run->ctx, r->device.identity.ecid, &job, &none) &&
        job.behavior == RV_BEHAVIOR_ERASE)
        r->story.facts |= RV_LADDER_BIT(RV_FACT_ERASE_BEGUN);
}

static bool see(struct rv_rescue *r, struct sight *sight, struct rv_error *err)
{
    static const struct sight absent = { "absent", "This computer sees no device" };
    static const struct sight loop = { "boot-loop", "It is in a boot loop: it starts and goes away, over and over" };
    struct rv_findings findings = { .device = &r->device };
    enum rv_rhythm_verdict rhythm;
    if (!scan(r, &findings.mux_missing, err) || !await_back(r, err) || !watch(r, &rhythm, err) ||
        !(rhythm == RV_RHYTHM_LOOP ? catch_it : scan)(r, &findings.mux_missing, err))
        return false;
    if (!take_up_story(r, err))
        return false;
    if (rhythm == RV_RHYTHM_LOOP) {
        r->story.facts |= RV_LADDER_BIT(RV_FACT_LOOP);
        *sight = loop;
        return true;
    }
    if (!r->seen) {
        *sight = absent;
        return true;
    }
    note_begun_erase(r);
    if (!rv_findings_gather(r->fleet, &findings, err))
        return false;
    const struct rv_situation *situation = rv_triage(&findings);
    *sight = (struct sight){ situation->id, situation->words };
    return true;
}

/* ---- saying ---- */

static void put_offer(struct rv_rescue *r, const struct sight *sight, const struct rv_decision *decision)
{
    const struct rv_rung *rung = &rv_rungs[decision->offer];
    json_t *result = r->run->result;
    json_object_set_new(result, "state", json_string(sight->state));
    json_object_set_new(result, "state_words", json_string(sight->words));
    json_object_set_new(result, "offer",
                        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "rung", rung->id, "decision", decision->id, "title",
                                  rung->title, "why", decision->why, "words", rung->words, "data",
                                  rv_fate_name(rung->data)));
    if (r->seen)
        json_object_set_new(result, "device", rv_device_json(&r->device));
}

static void tell_offer(struct rv_rescue *r, const struct sight *sight, const struct rv_decision *decision)
{
    const struct rv_rung *rung = &rv_rungs[decision->offer];
    const char *name = r->device.identity.name;
    char subject[192];
    snprintf(subject, sizeof subject, "%s%s%s", name[0] != '\0' ? name : _("Device"), r->seen ? _(" in ") : "",
             r->seen ? _(rv_mode_words(r->device.mode)) : "");
    struct rv_event_offer offer = {
        .state = sight->state,
        .subject = subject,
        .why = decision->why,
        .title = rung->title,
        .words = rung->words,
        .data = rv_fate_name(rung->data),
        .number = (unsigned)r->story.count + 1,
    };
    rv_tell(r->run->ctx,
            &(struct rv_event){
                .kind = RV_EVENT_OFFER, .step = rung->id, .text = decision->why, .percent = -1, .offer = &offer });
}

/* ---- the ends ---- */

static bool end_computer(const struct sight *sight, struct rv_error *err)
{
    bool held = strcmp(sight->state, "held") == 0, denied = strcmp(sight->state, "denied") == 0;
    rv_fail(err, held ? RV_E_BUSY : denied ? RV_E_DENIED : RV_E_NOT_FOUND, "%s", sight->words);
    return rv_advise(err, held ? RV_ADVICE_BUSY : denied ? RV_ADVICE_USB_RIGHTS : RV_ADVICE_NO_MUX);
}

static bool end_person(const struct sight *sight, struct rv_error *err)
{
    static const struct {
        const char *state;
        enum rv_advice advice;
    } deeds[] = { { "lost", RV_ADVICE_LOST_MODE },
                  { "locked", RV_ADVICE_UNLOCK },
                  { "managed", RV_ADVICE_MANAGED },
                  { "untrusted", RV_ADVICE_TRUST } };
    rv_fail(err, RV_E_DENIED, "%s", sight->words);
    for (size_t i = 0; i < RV_COUNT(deeds); i++)
        if (strcmp(deeds[i].state, sight->state) == 0)
            rv_advise(err, deeds[i].advice);
    return false;
}

static bool end_shop(struct rv_rescue *r, const struct sight *sight, struct rv_error *err)
{
    const struct rv_try *last = r->story.count > 0 ? &r->story.tries[r->story.count - 1] : NULL;
    snprintf(r->story.state, sizeof r->story.state, "spent");
    rv_story_save(r->run->ctx, &r->story);
    if (last != NULL && last->step[0] != '\0')
        rv_fail(err, RV_E_REFUSED, "%s: it broke off in the step '%s' (%s)", last->why, last->step, last->code);
    else
        rv_fail(err, RV_E_REFUSED, "%s", last != NULL && last->why[0] != '\0' ? last->why : sight->words);
    if (last != NULL)
        err->apple = last->itunes;
    if ((r->story.facts & RV_LADDER_BIT(RV_FACT_SAME_TWICE)) != 0)
        rv_while(err, "the same step failed twice in the same way");
    if (!r->seen)
        err->code = RV_E_NO_DEVICE;
    return rv_advise(err, RV_ADVICE_SHOP);
}

static bool end(struct rv_rescue *r, const struct sight *sight, enum rv_rung_id rung, struct rv_error *err)
{
    switch (rung) {
    case RV_RUNG_WELL:
        if (r->story.count > 0) {
            snprintf(r->story.state, sizeof r->story.state, "done");
            rv_story_save(r->run->ctx, &r->story);
        }
        return true;
    case RV_RUNG_COMPUTER:
        return end_computer(sight, err);
    case RV_RUNG_PERSON:
        return end_person(sight, err);
    default:
        return end_shop(r, sight, err);
    }
}

/* ---- one rung ---- */

/* What this computer, its network, a server or the person stopped says nothing about the device. */
static bool is_the_devices(const struct rv_error *err, enum rv_does does)
{
    if (does == RV_DOES_INSTALL || does == RV_DOES_ERASE)
        return err->code == RV_E_UNFINISHED;
    if (err->advice == RV_ADVICE_COACH_NO_DEVICE || err->advice == RV_ADVICE_COACH_MODEL)
        return false; /* the person must name the model first */
    if (err->advice == RV_ADVICE_COACH_SPENT)
        return true;
    switch (err->code) {
    case RV_E_CANCELLED:
    case RV_E_USAGE:
    case RV_E_NOMEM:
    case RV_E_IO:
    case RV_E_NOSPACE:
    case RV_E_UNFINISHED:
        return false;
    default:
        return true;
    }
}

/* "No" to a rung: out of the way for the next one, or an end for now. Where nobody can be asked it is an end. */
static bool leave_out(struct rv_rescue *r, enum rv_rung_id rung, struct rv_error *err)
{
    struct rv_error no = { 0 };
    static const struct rv_question question = {
        "rescue-leave-out", N_("Leave this step out, and look at the next one? (n: stop here; nothing is lost)"), NULL
    };
    if (r->run->ctx->ask == NULL || rv_rungs[rung].data == RV_DATA_ERASED || !rv_ask(r->run->ctx, &question, &no))
        return false;
    *err = (struct rv_error){ 0 };
    rv_story_begin(r->run->ctx, &r->story, rung);
    rv_story_end(r->run->ctx, &r->story, "left-out", NULL);
    return true;
}

static bool agreed(struct rv_rescue *r, enum rv_rung_id rung, struct rv_error *err)
{
    char id[64], text[160];
    if (rv_rungs[rung].data == RV_DATA_ERASED)
        return true; /* its own road wants the device's name typed */
    snprintf(id, sizeof id, "rescue-%s", rv_rungs[rung].id);
    snprintf(text, sizeof text, _("%s: shall we do that now?"), _(rv_rungs[rung].title));
    return rv_ask(r->run->ctx, &(struct rv_question){ id, text, NULL }, err);
}

static void tell_failure(struct rv_rescue *r, enum rv_rung_id rung, const struct rv_error *err)
{
    if (rung == RV_RUNG_EXIT && err->advice == RV_ADVICE_BACK_IN_RECOVERY)
        rv_tell_warning(r->run->ctx,
                        "It was let go and fell back within a minute: its system does not start by itself.");
    else {
        size_t len = strlen(err->text[0]);
        bool ended = len > 0 && strchr(".!?", err->text[0][len - 1]) != NULL;
        rv_tell_warning(r->run->ctx, "That did not help: %s%s", err->text[0], ended ? "" : ".");
    }
}

/* With a sign that only a person can see, only a person can say whether it is gone. */
static void ask_whether_gone(struct rv_rescue *r)
{
    struct rv_error no = { 0 };
    static const struct rv_question question = { "rescue-gone", N_("Look at the device: is the trouble gone?"), NULL };
    if (r->looks != RV_LOOKS_NONE && r->looks != RV_LOOKS_LOCKED_OUT && r->device.mode == RV_MODE_NORMAL &&
        rv_ask(r->run->ctx, &question, &no))
        r->looks = RV_LOOKS_NONE;
}

static bool take(struct rv_rescue *r, enum rv_rung_id rung, struct rv_error *err)
{
    struct rv_ctx *ctx = r->run->ctx;
    if (!agreed(r, rung, err))
        return leave_out(r, rung, err);
    rv_story_begin(ctx, &r->story, rung);
    r->watched = false;
    if (rv_rescue_take(r, rung, err)) {
        rv_story_end(ctx, &r->story, "helped", NULL);
        r->watched = rv_rungs[rung].does == RV_DOES_SOFTWARE || rv_rungs[rung].does == RV_DOES_HANDS;
        struct rv_error gone = { 0 };
        bool missing;
        if (scan(r, &missing, &gone) && r->seen)
            ask_whether_gone(r);
        return true;
    }
    if (!is_the_devices(err, rv_rungs[rung].does)) {
        rv_story_end(ctx, &r->story, "stopped", err);
        return rv_while(err, "in the rescue, at the step '%s'", rv_rungs[rung].id);
    }
    rv_story_end(ctx, &r->story, "failed", err);
    struct rv_error why = *err;
    *err = (struct rv_error){ 0 };
    bool missing;
    if (!scan(r, &missing, err) || !await_back(r, err))
        return false;
    if (!r->seen && why.code == RV_E_UNFINISHED) { /* it is gone: a cable, not a device that failed */
        snprintf(r->story.tries[r->story.count - 1].outcome, sizeof r->story.tries[0].outcome, "stopped");
        rv_story_save(ctx, &r->story);
        *err = why;
        return false;
    }
    tell_failure(r, rung, &why);
    return true;
}

/* ---- the loop ---- */

/* It looks well, nobody said what is wrong, and there is somebody who could. */
static bool ask_what_is_wrong(struct rv_rescue *r)
{
    struct rv_error no = { 0 };
    static const struct rv_question question = { "rescue-something-else",
                                                 N_("Seen from here it is well. Is something else wrong with it all "
                                                    "the same (it hangs, battery, buttons, display, "
                                                    "touch)?"),
                                                 NULL };
    if (r->run->ctx->assume_yes || r->run->ctx->ask == NULL || !rv_ask(r->run->ctx, &question, &no))
        return false;
    r->looks = RV_LOOKS_SOFTWARE;
    snprintf(r->story.symptom, sizeof r->story.symptom, "other");
    r->watched = true;
    return true;
}

static bool climb(struct rv_rescue *r, struct rv_error *err)
{
    bool keep_data = rv_arg_flag(r->run->args, "keep-data");
    for (unsigned step = 0; step < STEPS_MAX; step++) {
        struct sight sight;
        if (!see(r, &sight, err))
            return false;
        const struct rv_decision *decision = rv_decide(sight.state, r->looks, r->story.facts);
        enum rv_rung_id offer = decision->offer;
        put_offer(r, &sight, decision);
        if (strcmp(decision->id, "well") == 0 && ask_what_is_wrong(r))
            continue;
        if (offer != RV_RUNG_WELL)
            tell_offer(r, &sight, decision);
        if (offer == RV_RUNG_RESTORE && keep_data) {
            rv_tell_note(r->run->ctx, "--keep-data: what is left would erase the device, so revive stops here.");
            offer = RV_RUNG_SHOP;
        }
        if (rv_rungs[offer].does == RV_DOES_NOTHING)
            return end(r, &sight, offer, err);
        if (!take(r, offer, err))
            return false;
    }
    return rv_fail(err, RV_E_LIMIT, "%d steps led nowhere", STEPS_MAX);
}

/* What became of the data, by the hardest step that was begun and not merely stopped before it. */
static enum rv_fate fate_of(const struct rv_story *story)
{
    enum rv_fate fate = RV_DATA_UNTOUCHED;
    for (size_t i = 0; i < story->count; i++)
        if (strcmp(story->tries[i].outcome, "helped") == 0 || strcmp(story->tries[i].outcome, "failed") == 0)
            fate = rv_rungs[story->tries[i].rung].data > fate ? rv_rungs[story->tries[i].rung].data : fate;
    return fate;
}

static bool take_symptom(struct rv_rescue *r, struct rv_error *err)
{
    const char *id = rv_arg(r->run->args, "symptom");
    const struct rv_symptom *symptom = id != NULL ? rv_symptom(id) : NULL;
    if (id == NULL)
        return true;
    if (symptom != NULL) {
        r->looks = symptom->looks;
        snprintf(r->story.symptom, sizeof r->story.symptom, "%s", symptom->id);
        return true;
    }
    rv_fail(err, RV_E_USAGE, "'%.40s' is no symptom that revive knows; `revive rescue --help` lists them", id);
    return rv_advise(err, RV_ADVICE_USAGE);
}

static bool run_rescue(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_rescue), err);
    RV_AUTO(rv_fleet) fleet = room != NULL ? rv_fleet_open(run->ctx, err) : NULL;
    if (fleet == NULL)
        return false;
    struct rv_rescue *r = (struct rv_rescue *)(void *)room->data;
    *r = (struct rv_rescue){ .run = run, .fleet = fleet, .lock = -1, .installations = json_array() };
    bool fine = take_symptom(r, err) && climb(r, err);
    json_object_set_new(run->result, "tries", rv_story_tries_json(&r->story));
    json_object_set_new(run->result, "installations", r->installations);
    json_object_set_new(run->result, "went_on", json_boolean(r->story.goes_on));
    json_object_set_new(run->result, "rescued", json_boolean(fine && r->story.count > 0));
    json_object_set_new(run->result, "data", json_string(rv_fate_name(fate_of(&r->story))));
    const char *log = rv_log_path(run->ctx->log);
    json_object_set_new(run->result, "log", log == NULL ? json_null() : json_string(log));
    rv_text_auto(&r->ipsw);
    if (r->lock >= 0)
        close(r->lock);
    return fine;
}

static const struct rv_option rescue_options[] = {
    { "ipsw", 0, "FILE", "the firmware file to install; default: the newest is loaded from Apple" },
    { "keep-data", 0, NULL, "stop before the step that erases" },
    { "latest", 0, NULL, "load the newest signed firmware (the default)" },
    { "model", 'm', "NAME", "the model, for a device that shows nothing on the cable: \"iPhone 8\"" },
    { "start-over", 0, NULL, "forget what was tried with this device before" },
    { "symptom", 0, "NAME", "what is wrong, where the device itself looks well" },
    { "ticket", 0, "FILE", "a signing ticket instead of asking the server" },
    { "tries", 0, "N", "tries of each step by fingers before the next step (6)" },
    { "version", 0, "VERSION", "load that version or build" },
};

const struct rv_command rv_verb_rescue = {
    .name = "rescue",
    .summary = "Bring a stuck device back, one gentle step after another",
    .about =
        "For a phone that is stuck, whatever it shows. Looks at the device, says what is wrong, and offers the "
        "gentlest "
        "step that may help; asks before each; looks again. The steps: a restart, leaving Recovery mode, an Update "
        "(which "
        "keeps photos, messages and apps), a second one, an Update from DFU mode, and, last and only when you type the "
        "device's name, a Restore (which erases). It ends as soon as the device is well, and stops with words for a "
        "service when the same step fails twice in the same way. It may be stopped and run again: it goes on where it "
        "was. --yes agrees to every step, the erasing one too: with it, --keep-data is for you if the data matters. "
        "Symptoms for --symptom: unresponsive, boot-loop, stuck-logo, firmware-corrupt, update-failed, backup-failed, "
        "beta, battery, buttons, display, touch, no-power, passcode, other.",
    .example = "revive rescue\n    says what is wrong, and asks before each step",
    .options = rescue_options,
    .option_count = RV_COUNT(rescue_options),
    .flags = RV_COMMAND_LONG | RV_COMMAND_DEVICE | RV_COMMAND_ERASES,
    .run = run_rescue,
};
