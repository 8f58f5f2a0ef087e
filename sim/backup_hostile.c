/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that means harm, or has lost its mind: the setting "hostile" = KIND makes it do one such thing in the middle
 * of a backup, and then go on as if nothing had been. What a host must not do: touch anything outside of the backup's
 * folder, fill its memory, wait for ever.
 */
#include "sim/backup_run.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { LONG_PATH = 5000, NESTING = 3000, ENDLESS_BLOCK = 32768 };

struct evil {
    struct sim_backup *run;
    const char *text; /* of the table */
    char path[SIM_HOST_PATH];
};
typedef bool evil_fn(struct evil *e);

static bool put_u32(struct evil *e, uint32_t number)
{
    uint8_t bytes[4];
    rv_put_u32be(bytes, number);
    return sim_link_put(&e->run->link, rv_span(bytes, sizeof bytes));
}

static bool put_path(struct evil *e, struct rv_span path)
{
    return put_u32(e, 6) && sim_link_put(&e->run->link, RV_SPAN_TEXT("/evil/")) && put_u32(e, (uint32_t)path.len) &&
           sim_link_put(&e->run->link, path);
}

/* One small file under a name of its own choice; what the host says to it is of no concern. */
static bool upload_as(struct evil *e, struct rv_span path)
{
    struct sim_link *link = &e->run->link;
    int status = 0;
    bool alive = sim_link_upload_begin(link, 9) && put_path(e, path) &&
                 sim_link_upload_bytes(link, RV_SPAN_TEXT("harmful.\n")) && sim_link_upload_done(link, NULL) &&
                 sim_link_upload_end(link, &status);
    if (alive)
        sim_record(e->run->device, "hostile", "the host answered %d", status);
    return alive;
}

static bool upload_text(struct evil *e)
{
    return upload_as(e, rv_span(e->path, strlen(e->path)));
}

static bool upload_nul(struct evil *e)
{
    size_t len = strlen(e->path);
    e->path[len] = 0;
    memcpy(e->path + len + 1, ".txt", 4);
    return upload_as(e, rv_span(e->path, len + 5));
}

static bool upload_long(struct evil *e)
{
    char path[LONG_PATH];
    memset(path, 'a', sizeof path);
    memcpy(path, e->run->source, strlen(e->run->source));
    path[strlen(e->run->source)] = '/';
    for (size_t i = 200; i < sizeof path; i += 200)
        path[i] = '/';
    return upload_as(e, rv_span(path, sizeof path));
}

static bool upload_two_cases(struct evil *e)
{
    char upper[SIM_HOST_PATH];
    (void)snprintf(upper, sizeof upper, "%s", e->path);
    char *leaf = strrchr(upper, '/');
    for (char *c = leaf; *c != 0; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    return upload_text(e) && upload_as(e, rv_span(upper, strlen(upper)));
}

static bool upload_huge_name(struct evil *e)
{
    return sim_link_upload_begin(&e->run->link, 9) && put_u32(e, 0xffffffff) &&
           sim_link_put(&e->run->link, RV_SPAN_TEXT("abc")) && sim_link_flush(&e->run->link);
}

static bool upload_block(struct evil *e, uint32_t len, uint8_t code)
{
    return sim_link_upload_begin(&e->run->link, 9) && put_path(e, rv_span(e->path, strlen(e->path))) &&
           put_u32(e, len) && sim_link_put(&e->run->link, rv_span(&code, 1)) && sim_link_flush(&e->run->link);
}

static bool lying_block(struct evil *e)
{
    return upload_block(e, 0xffffffff, 0x0c);
}

static bool block_without_code(struct evil *e)
{
    return upload_block(e, 0, 0x0c);
}

static bool block_of_no_kind(struct evil *e)
{
    return upload_block(e, 1, 0x77);
}

/* A file that goes on until the host has had enough. */
static bool upload_endless(struct evil *e)
{
    static const uint8_t block[ENDLESS_BLOCK];
    bool alive = sim_link_upload_begin(&e->run->link, 9) && put_path(e, rv_span(e->path, strlen(e->path)));
    while (alive)
        alive = sim_link_upload_bytes(&e->run->link, rv_span(block, sizeof block));
    return false;
}

/* Says nothing of an end, and nothing more at all. */
static bool go_silent(struct evil *e)
{
    uint8_t byte;
    while (sim_wire_read_some(e->run->link.wire, &byte, 1, -1) > 0)
        continue;
    return false;
}

static bool send_frame(struct evil *e, uint32_t len, struct rv_span body)
{
    return put_u32(e, len) && sim_link_put(&e->run->link, body) && sim_link_flush(&e->run->link);
}

static bool lying_frame(struct evil *e)
{
    return send_frame(e, 0xffffffff, RV_SPAN_TEXT("bplist00")) && go_silent(e);
}

static bool empty_frame(struct evil *e)
{
    return send_frame(e, 0, rv_span("", 0));
}

static bool broken_frame(struct evil *e)
{
    return send_frame(e, 12, RV_SPAN_TEXT("bplist00\xff\xff\xff\xff"));
}

/* An answer to whatever it was comes back, or the host hangs up. */
static bool hear(struct evil *e)
{
    plist_t answer = sim_link_read(&e->run->link);
    if (answer != NULL)
        sim_record(e->run->device, "hostile", "the host answered with %s", sim_link_name(answer));
    plist_free(answer);
    return !e->run->link.gone;
}

static bool deep_message(struct evil *e)
{
    plist_t inner = plist_new_array();
    for (unsigned i = 0; i < NESTING; i++) {
        plist_t outer = plist_new_array();
        plist_array_append_item(outer, inner);
        inner = outer;
    }
    plist_t message = sim_link_words("DLMessageRemoveItems", NULL);
    plist_array_append_item(message, inner);
    return sim_link_send(&e->run->link, message) && hear(e);
}

static bool unknown_message(struct evil *e)
{
    return sim_link_send(&e->run->link, sim_link_words("DLMessageOpenTheDoor", "please", NULL)) && hear(e);
}

static bool wrong_types(struct evil *e)
{
    plist_t message = sim_link_words("DLMessageMoveItems", NULL);
    plist_array_append_item(message, plist_new_uint(7));
    return sim_link_send(&e->run->link, message) && hear(e);
}

static bool make_folder(struct evil *e)
{
    int status;
    return sim_link_make_folder(&e->run->link, e->path, &status);
}

static bool list_folder(struct evil *e)
{
    int status;
    plist_t entries = NULL;
    bool alive = sim_link_list(&e->run->link, e->path, &entries, &status);
    if (entries != NULL)
        sim_record(e->run->device, "hostile", "the host listed %u names", plist_dict_get_size(entries));
    plist_free(entries);
    return alive;
}

static bool remove_path(struct evil *e)
{
    int status;
    return sim_link_remove(&e->run->link, sim_link_words(e->path, NULL), &status);
}

static bool move(struct evil *e, const char *from, const char *to)
{
    int status;
    plist_t pairs = plist_new_dict();
    plist_dict_set_item(pairs, from, plist_new_string(to));
    return sim_link_move(&e->run->link, pairs, &status);
}

static bool move_out(struct evil *e)
{
    char own[SIM_HOST_PATH];
    sim_backup_host(e->run, "Status.plist", own);
    return move(e, own, e->path);
}

static bool move_in(struct evil *e)
{
    char own[SIM_HOST_PATH];
    sim_backup_host(e->run, "stolen", own);
    return move(e, e->path, own);
}

static bool copy_in(struct evil *e)
{
    char own[SIM_HOST_PATH];
    int status;
    sim_backup_host(e->run, "stolen", own);
    return sim_link_copy(&e->run->link, e->path, own, &status);
}

static bool copy_out(struct evil *e)
{
    char own[SIM_HOST_PATH];
    int status;
    sim_backup_host(e->run, "Status.plist", own);
    return sim_link_copy(&e->run->link, own, e->path, &status);
}

static void count_bytes(void *context, size_t index, struct rv_span bytes)
{
    (void)index;
    *(uint64_t *)context += bytes.len;
}

static void count_done(void *context, size_t index, const char *trouble)
{
    (void)context;
    (void)index;
    (void)trouble;
}

static bool read_path(struct evil *e)
{
    uint64_t stolen = 0;
    int status;
    struct sim_sink sink = { &stolen, count_bytes, count_done };
    bool alive = sim_link_download(&e->run->link, sim_link_words(e->path, NULL), &sink, &status, NULL);
    if (stolen > 0)
        sim_record(e->run->device, "hostile", "the host gave %llu bytes away", (unsigned long long)stolen);
    return alive;
}

/* "%" stands for the backup's own folder. */
static const struct {
    const char *kind;
    evil_fn *fn;
    const char *text;
} evils[] = {
    { "absolute", upload_text, "/tmp/revive-hostile-absolute" },
    { "block-code", block_of_no_kind, "%/evil" },
    { "block-length", lying_block, "%/evil" },
    { "block-zero", block_without_code, "%/evil" },
    { "case", upload_two_cases, "%/evilcase" },
    { "control", upload_text, "%/evil\x1b[2J\n" },
    { "copy-in", copy_in, "%/../../secret" },
    { "copy-out", copy_out, "%/../../escaped" },
    { "deep", deep_message, "" },
    { "dotdot", upload_text, "%/../../escaped" },
    { "dotdot-first", upload_text, "../escaped" },
    { "empty", upload_text, "%/" },
    { "endless", upload_endless, "%/evil" },
    { "frame-broken", broken_frame, "" },
    { "frame-empty", empty_frame, "" },
    { "frame-length", lying_frame, "" },
    { "latin1", upload_text, "%/evil\xff\xfe" },
    { "list-out", list_folder, "%/../.." },
    { "long", upload_long, "" },
    { "mkdir-out", make_folder, "%/../../escaped" },
    { "move-in", move_in, "%/../../secret" },
    { "move-out", move_out, "%/../../escaped" },
    { "name-length", upload_huge_name, "" },
    { "nul", upload_nul, "%/evil" },
    { "other", upload_text, "00000000000000000000000000000000/Manifest.db" },
    { "read-absolute", read_path, "/etc/hostname" },
    { "read-out", read_path, "%/../../secret" },
    { "remove-all", remove_path, "" },
    { "remove-out", remove_path, "%/../../secret" },
    { "silent", go_silent, "" },
    { "types", wrong_types, "" },
    { "unknown", unknown_message, "" },
};

static void spell_path(struct evil *e)
{
    bool own = e->text[0] == '%';
    (void)snprintf(e->path, sizeof e->path, "%s%s", own ? e->run->source : "", e->text + own);
}

bool sim_backup_hostile(struct sim_backup *run)
{
    char kind[32] = "";
    struct evil e = { .run = run };
    if (!sim_setting(run->device, "hostile", kind, sizeof kind) || kind[0] == 0)
        return true;
    for (size_t i = 0; i < RV_COUNT(evils); i++) {
        if (strcmp(evils[i].kind, kind) != 0)
            continue;
        sim_record(run->device, "hostile", "%s", kind);
        e.text = evils[i].text;
        spell_path(&e);
        return evils[i].fn(&e) || sim_backup_gone(run);
    }
    return sim_backup_fail(run, MB_INTERNAL, "no such kind of hostile device: %s", kind);
}
