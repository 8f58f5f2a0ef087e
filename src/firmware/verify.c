/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a firmware file whole? Every file that the device may be sent for the chosen identity, and for the recovery system
 * beside it, is read once to its end: the zip's checksum for all, and the manifest's digest for what is an IM4P (over
 * the file as it will be sent, its type replaced where the manifest says so).
 *
 * Whether the digest of an image that is sent as it is (the system's, those of cryptexes, wrapped ones among them) is
 * one of the file's bytes is not known for every version: the system's is what ASR computes on the device. Equality
 * proves the file whole. A difference is held against it where nothing else can prove it (in a folder no checksum
 * stands beside it), and where another cryptex of the same firmware shows that its digests are of the files' bytes.
 * Coprocessor files are digested in parts: a difference there proves nothing, and in a folder it is told as a warning.
 */
#include "firmware/ipsw.h"

#include "base/file.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "format/img4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_EVERY = 8 * 1024 * 1024 };

/* One file under one type; several components may be the same one. */
struct item {
    plist_t identity;
    const char *component, *path, *retag;
    uint64_t size;
    bool marked; /* marks are put on the way: who sends it later finds its places */
};

struct plan {
    struct rv_ipsw *ipsw;
    struct item *items;
    size_t count;
    uint64_t total, done, reported;
    /* cryptex files whose digest is, or is not, the one of their bytes; the latter borrowed, NULL: none */
    bool raw_equal;
    const struct item *raw_other;
};

/* The components of one identity. */
struct names {
    plist_t identity;
    const char **names; /* owned */
    size_t count;
};

struct reading {
    struct plan *plan;
    const struct item *item;
    struct rv_digest *digest; /* borrowed; NULL: only the checksum */
    bool first;
    bool image;   /* it is an IM4P */
    bool trusted; /* a ticket covers it as an IM4P, so one it must be */
    bool raw;     /* of a cryptex, or the system's: what the digest covers is not known unless it is an IM4P */
    bool folder;  /* no checksum stands beside it */
};

static void report(struct plan *plan, bool at_once)
{
    if (!at_once && plan->done - plan->reported < REPORT_EVERY)
        return;
    plan->reported = plan->done;
    rv_tell(plan->ipsw->ctx, &(struct rv_event){ .kind = RV_EVENT_PROGRESS,
                                                 .step = "verify",
                                                 .unit = "bytes",
                                                 .done = plan->done,
                                                 .total = plan->total,
                                                 .percent = -1 }); /* of the whole job: not known here */
}

/* The start of an IM4P with its type replaced. */
static void add_first(struct reading *r, struct rv_span part)
{
    size_t at = 0;
    r->image = rv_im4p_find_type(part, &at);
    if (!r->image && !r->folder && !r->raw) {
        r->digest = NULL; /* its digest may be of other bytes, and the zip's checksum proves it */
        return;
    }
    if (!r->image || r->item->retag == NULL) {
        rv_digest_add(r->digest, part);
        return;
    }
    rv_digest_add(r->digest, rv_span(part.ptr, at));
    rv_digest_add(r->digest, rv_span(r->item->retag, 4));
    rv_digest_add(r->digest, rv_span(part.ptr + at + 4, part.len - at - 4));
}

static bool take_part(void *context, struct rv_span part, struct rv_error *err)
{
    struct reading *r = context;
    if (!rv_cancel_point(&r->plan->ipsw->ctx->cancel, err))
        return false;
    if (r->digest != NULL && r->first)
        add_first(r, part);
    else if (r->digest != NULL)
        rv_digest_add(r->digest, part);
    r->first = false;
    r->plan->done += part.len;
    report(r->plan, false);
    return true;
}

static bool damaged(const struct item *item, struct rv_error *err)
{
    if (err->code == RV_E_NOT_FOUND || err->code == RV_E_FORMAT)
        err->code = RV_E_CORRUPT;
    if (err->code == RV_E_CORRUPT)
        rv_advise(err, RV_ADVICE_BAD_FIRMWARE);
    return rv_while(err, "checking the component %s", item->component);
}

static bool tell_not_comparable(const struct reading *r)
{
    rv_tell_warning(r->plan->ipsw->ctx,
                    "%s cannot be checked in a folder (its digest is not one of the whole file): the .ipsw file itself "
                    "can be.",
                    r->item->component);
    return true;
}

/* Its digest is not the one of its bytes. */
static bool raw_differs(const struct reading *r, struct rv_error *err)
{
    if (r->folder)
        return rv_fail(err, RV_E_CORRUPT,
                       "'%s' does not have the manifest's digest, and in a folder nothing else can prove it whole: the "
                       ".ipsw file itself can be checked",
                       r->item->path);
    r->plan->raw_other = r->item;
    return true;
}

static bool compare(const struct reading *r, struct rv_span want, struct rv_error *err)
{
    uint8_t got[RV_DIGEST_MAX];
    if (r->trusted && !r->image)
        return rv_fail(err, RV_E_CORRUPT, "'%s' is damaged: it does not begin as a signed image does", r->item->path);
    if (r->digest == NULL)
        return true;
    rv_digest_end(r->digest, got);
    bool equal = rv_span_equal(rv_span(got, want.len), want);
    r->plan->raw_equal |= r->raw && !r->image && equal;
    if (equal)
        return true;
    if (r->raw && !r->image)
        return raw_differs(r, err);
    if (!r->image)
        return tell_not_comparable(r);
    char is[17], should[17];
    rv_text_hex(rv_span(got, 8), is, sizeof is);
    rv_text_hex(rv_span(want.ptr, 8), should, sizeof should);
    return rv_fail(err, RV_E_CORRUPT, "'%s' is damaged: its digest begins with %s, the manifest says %s", r->item->path,
                   is, should);
}

/* What the manifest says of the item, and by it, what must hold. */
static struct reading reading_of(struct plan *plan, const struct item *item, bool digested)
{
    plist_t entry = rv_identity_component(item->identity, item->component);
    bool personalized = rv_component_personalized(item->identity, item->component);
    bool cryptex = rv_text_starts(item->component, "Cryptex1,");
    bool folder = rv_archive_is_folder(plan->ipsw->archive);
    /* An ftab is a bundle for another chip, digested by its parts. */
    bool bundle = rv_component_flag(item->identity, item->component, "IsFTAB") || rv_text_ends(item->path, "ftab.bin");
    return (struct reading){ .plan = plan,
                             .item = item,
                             .first = true,
                             .folder = folder,
                             .trusted = digested && personalized && !bundle && rv_plist_bool(entry, "Trusted", false),
                             /* The system's is gigabytes, and in a zip its digest would prove nothing. */
                             .raw = digested && (cryptex || (folder && strcmp(item->component, "OS") == 0)) };
}

static bool check_item(struct plan *plan, const struct item *item, struct rv_error *err)
{
    struct rv_span want = rv_plist_data(rv_identity_component(item->identity, item->component), "Digest");
    enum rv_digest_kind kind = RV_DIGEST_SHA384;
    RV_AUTO(rv_digest) digest = NULL;
    bool digested = rv_digest_kind_of(want.len, &kind) && rv_identity_is_img4(item->identity);
    struct reading r = reading_of(plan, item, digested);
    bool personalized = rv_component_personalized(item->identity, item->component);
    if (digested && (personalized || r.folder || r.raw) && (digest = rv_digest_new(kind, err)) == NULL)
        return false;
    r.digest = digest;
    bool whole = item->marked ? rv_ipsw_image_stream(plan->ipsw, item->path, take_part, &r, err)
                              : rv_archive_stream(plan->ipsw->archive, item->path, take_part, &r, err);
    return (whole && compare(&r, want, err)) || damaged(item, err);
}

static bool same(const struct item *a, const struct item *b)
{
    return strcmp(a->path, b->path) == 0 && strcmp(a->retag ? a->retag : "", b->retag ? b->retag : "") == 0;
}

static bool add_item(struct plan *plan, plist_t identity, const char *component, struct rv_error *err)
{
    struct item item = { .identity = identity,
                         .component = component,
                         .path = rv_component_path(identity, component),
                         .retag = rv_component_retag(identity, component) };
    if (item.path == NULL)
        return true; /* ftap and its kin have no file */
    for (size_t i = 0; i < plan->count; i++) {
        const struct item *known = &plan->items[i];
        plist_t mine = rv_identity_component(identity, component);
        plist_t other = rv_identity_component(known->identity, known->component);
        if (same(known, &item) && rv_span_equal(rv_plist_data(mine, "Digest"), rv_plist_data(other, "Digest")))
            return true;
    }
    struct rv_archive_place place;
    if (!rv_archive_place(plan->ipsw->archive, item.path, &place, err))
        return damaged(&item, err);
    item.size = place.plain;
    item.marked = rv_ipsw_image_wants(&place);
    rv_archive_place_clear(&place);
    plan->total += item.size;
    plan->items[plan->count++] = item;
    return true;
}

static bool check_items(struct plan *plan, struct rv_error *err)
{
    if (plan->count == 0)
        return rv_fail(err, RV_E_FORMAT, "this build identity names no files");
    report(plan, true);
    for (size_t i = 0; i < plan->count; i++) {
        if (!check_item(plan, &plan->items[i], err))
            return false;
    }
    report(plan, true);
    if (!plan->raw_equal || plan->raw_other == NULL)
        return true;
    rv_fail(err, RV_E_CORRUPT, "'%s' is damaged: its digest is not the manifest's, as that of another cryptex is",
            plan->raw_other->path);
    return damaged(plan->raw_other, err);
}

/* All files must be there before the first is read: a missing one is told in a second, not after minutes. */
static bool run_plan(struct plan *plan, const struct names *lists, size_t count, struct rv_error *err)
{
    size_t all = 0;
    for (size_t i = 0; i < count; i++)
        all += lists[i].count;
    plan->items = rv_alloc_array(all + 1, sizeof *plan->items);
    if (plan->items == NULL)
        return rv_fail_nomem(err);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < lists[i].count; j++) {
            if (!add_item(plan, lists[i].identity, lists[i].names[j], err))
                return false;
        }
    }
    return check_items(plan, err);
}

bool rv_ipsw_verify(struct rv_ipsw *ipsw, plist_t identity, struct rv_error *err)
{
    /* A device may ask for files of the recovery system in the middle of its restore (IsRecoveryOS). */
    struct names lists[2] = { { .identity = identity }, { .identity = rv_ipsw_recovery_identity(ipsw, identity) } };
    size_t count = lists[1].identity != NULL && lists[1].identity != identity ? 2 : 1;
    struct plan plan = { .ipsw = ipsw };
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++)
        fine = rv_identity_components(lists[i].identity, &lists[i].names, &lists[i].count, err);
    fine = fine && run_plan(&plan, lists, count, err);
    rv_free(plan.items);
    rv_free(lists[0].names);
    rv_free(lists[1].names);
    return fine || rv_while(err, "verifying the firmware file");
}
