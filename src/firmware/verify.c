/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a firmware file whole? Every component that the chosen identity names is read once to its end: the zip's
 * checksum for all, and the manifest's digest for what is an IM4P (over the file as it will be sent, its type
 * replaced where the manifest says so). The digest of the system image and the cryptexes is not one of the
 * file's bytes on every version (the device compares it with what ASR computes), and coprocessor files are
 * digested in parts: a difference there proves nothing and is not held against the file. In a folder, where no
 * checksum stands beside it, equality proves such a file whole; a difference is told as a warning.
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
    const char *component, *path, *retag;
    uint64_t size;
    bool marked; /* marks are put on the way: who sends it later finds its places */
};

struct plan {
    struct rv_ipsw *ipsw;
    plist_t identity;
    struct item *items;
    size_t count;
    uint64_t total, done, reported;
};

struct reading {
    struct plan *plan;
    const struct item *item;
    struct rv_digest *digest; /* borrowed; NULL: only the checksum */
    bool first;
    bool image;   /* it is an IM4P */
    bool trusted; /* the AP ticket covers it, so an IM4P it must be */
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
    if (!r->image && !r->folder) {
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

/* Without a zip around it nothing else says that its bytes are whole. */
static bool not_comparable(const struct reading *r)
{
    rv_tell_warning(r->plan->ipsw->ctx,
                    "%s cannot be checked in a folder (its digest is not one of the whole file): the .ipsw file itself "
                    "can be.",
                    r->item->component);
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
    if (rv_span_equal(rv_span(got, want.len), want))
        return true;
    if (!r->image)
        return not_comparable(r);
    char is[17], should[17];
    rv_text_hex(rv_span(got, 8), is, sizeof is);
    rv_text_hex(rv_span(want.ptr, 8), should, sizeof should);
    return rv_fail(err, RV_E_CORRUPT, "'%s' is damaged: its digest begins with %s, the manifest says %s", r->item->path,
                   is, should);
}

static bool check_item(struct plan *plan, const struct item *item, struct rv_error *err)
{
    struct rv_span want = rv_plist_data(rv_identity_component(plan->identity, item->component), "Digest");
    enum rv_digest_kind kind = RV_DIGEST_SHA384;
    RV_AUTO(rv_digest) digest = NULL;
    bool personalized = rv_component_personalized(plan->identity, item->component);
    bool folder = rv_archive_is_folder(plan->ipsw->archive);
    bool digested = rv_digest_kind_of(want.len, &kind) && rv_identity_is_img4(plan->identity);
    plist_t entry = rv_identity_component(plan->identity, item->component);
    if (digested && (personalized || folder) && (digest = rv_digest_new(kind, err)) == NULL)
        return false;
    struct reading r = { .plan = plan, .item = item, .digest = digest, .first = true, .folder = folder };
    /* An ftab is a bundle for another chip, digested by its parts. */
    r.trusted = digested && personalized && rv_plist_bool(entry, "Trusted", false) &&
                !rv_component_flag(plan->identity, item->component, "IsFTAB") && !rv_text_ends(item->path, "ftab.bin");
    bool whole = item->marked ? rv_ipsw_image_stream(plan->ipsw, item->path, take_part, &r, err)
                              : rv_archive_stream(plan->ipsw->archive, item->path, take_part, &r, err);
    return (whole && compare(&r, want, err)) || damaged(item, err);
}

static bool same(const struct item *a, const struct item *b)
{
    return strcmp(a->path, b->path) == 0 && strcmp(a->retag ? a->retag : "", b->retag ? b->retag : "") == 0;
}

static bool add_item(struct plan *plan, const char *component, struct rv_error *err)
{
    struct item item = { .component = component,
                         .path = rv_component_path(plan->identity, component),
                         .retag = rv_component_retag(plan->identity, component) };
    if (item.path == NULL)
        return true; /* ftap and its kin have no file */
    for (size_t i = 0; i < plan->count; i++) {
        plist_t mine = rv_identity_component(plan->identity, component);
        plist_t other = rv_identity_component(plan->identity, plan->items[i].component);
        if (same(&plan->items[i], &item) &&
            rv_span_equal(rv_plist_data(mine, "Digest"), rv_plist_data(other, "Digest")))
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

/* All files must be there before the first is read: a missing one is told in a second, not after minutes. */
static bool run_plan(struct plan *plan, const char *const *names, size_t count, struct rv_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!add_item(plan, names[i], err))
            return false;
    }
    if (plan->count == 0)
        return rv_fail(err, RV_E_FORMAT, "this build identity names no files");
    report(plan, true);
    for (size_t i = 0; i < plan->count; i++) {
        if (!check_item(plan, &plan->items[i], err))
            return false;
    }
    report(plan, true);
    return true;
}

bool rv_ipsw_verify(struct rv_ipsw *ipsw, plist_t identity, struct rv_error *err)
{
    const char **names = NULL;
    size_t count = 0;
    if (!rv_identity_components(identity, &names, &count, err))
        return false;
    struct plan plan = { .ipsw = ipsw, .identity = identity };
    plan.items = rv_alloc_array(count, sizeof *plan.items);
    bool fine = plan.items != NULL ? run_plan(&plan, names, count, err) : rv_fail_nomem(err);
    rv_free(plan.items);
    rv_free(names);
    return fine || rv_while(err, "verifying the firmware file");
}
