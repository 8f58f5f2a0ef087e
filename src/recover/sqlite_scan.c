/* SPDX-License-Identifier: Apache-2.0 */
#include "recover/sqlite_scan_inside.h"

#include <string.h>

/* ---- jobs: threads do them, one thread takes what they leave, in order ---- */

struct stage {
    struct rv_sq_scan_state *scan;
    bool (*run)(struct rv_sq_worker *worker, struct rv_sq_batch *batch, uint32_t from, uint32_t to,
                struct rv_error *err);
    bool (*take)(struct rv_sq_scan_state *scan, struct rv_sq_batch *batch, struct rv_error *err);
    uint32_t items, step; /* items a job */
};

static bool run_job(void *context, unsigned worker, uint32_t job, struct rv_error *err)
{
    struct stage *stage = context;
    struct rv_sq_scan_state *s = stage->scan;
    uint32_t from = job * stage->step, left = stage->items - from;
    s->batches[job % RV_SQ_AHEAD].job = job;
    return rv_cancel_point(&s->ctx->cancel, err) &&
           stage->run(&s->workers[worker], &s->batches[job % RV_SQ_AHEAD], from,
                      from + (left < stage->step ? left : stage->step), err);
}

static bool take_job(void *context, uint32_t job, struct rv_error *err)
{
    struct stage *stage = context;
    return stage->take(stage->scan, &stage->scan->batches[job % RV_SQ_AHEAD], err);
}

static bool run_stage(struct rv_sq_scan_state *s, struct stage stage, unsigned workers, struct rv_error *err)
{
    struct rv_sq_crew crew = { .run = run_job, .take = take_job, .context = &stage };
    stage.scan = s;
    s->crew = &crew;
    crew.jobs = stage.items > 0 ? (stage.items - 1) / stage.step + 1 : 0;
    return rv_sq_workers_run(&crew, workers, err);
}

/* Jobs of so many bytes of pages. */
static uint32_t pages_of(const struct rv_sq_scan_state *s, uint32_t bytes)
{
    return bytes / s->db.page_size > 0 ? bytes / s->db.page_size : 1;
}

/* Rows that are handed to a function of the caller's come from its own thread. */
static unsigned row_workers(const struct rv_sq_scan_state *s)
{
    return s->options->lines != NULL ? s->worker_count : 1;
}

static bool give_lines(struct rv_sq_scan_state *s, struct rv_buf *lines, bool part, struct rv_error *err)
{
    return rv_buf_add(lines, rv_span("", 1), err) &&
           s->options->lines(s->context, (const char *)lines->data, part, err);
}

bool rv_sq_take_lines(struct rv_sq_scan_state *s, struct rv_sq_batch *b, struct rv_error *err)
{
    enum { KEPT_BYTES = 1 << 20 };
    bool fine = b->lines.len == 0 || give_lines(s, &b->lines, false, err);
    b->lines.len = 0;
    if (b->lines.room > KEPT_BYTES)
        rv_buf_clear(&b->lines);
    return fine;
}

struct draining {
    struct rv_sq_worker *worker;
    struct rv_sq_batch *batch;
};

static bool await_turn(struct rv_sq_worker *w, const struct rv_sq_batch *b)
{
    return rv_sq_workers_await_turn(w->scan->crew, (unsigned)(w - w->scan->workers), b->job);
}

/* A row that is itself too long to be kept: what there is of its line goes out before the rest is written. */
static bool give_part(void *context, struct rv_buf *lines, struct rv_error *err)
{
    struct draining *d = context;
    bool fine = await_turn(d->worker, d->batch) && give_lines(d->worker->scan, lines, true, err);
    lines->len = 0;
    return fine;
}

bool rv_sq_emit(struct rv_sq_worker *w, struct rv_sq_batch *b, const struct rv_sq_found *found, struct rv_error *err)
{
    enum { LINES_KEPT = 256 << 10 };
    struct rv_sq_scan_state *s = w->scan;
    struct draining draining = { w, b };
    const struct rv_sq_drain drain = { give_part, &draining };
    if (s->options->lines == NULL)
        return s->found(s->context, found, err);
    if (b->lines.len != 0 && !rv_buf_add(&b->lines, rv_span("\n", 1), err))
        return false;
    if (!(s->options->for_people ? rv_sq_found_text(found, s->db.encoding, &b->lines, err)
                                 : rv_sq_found_json_drained(found, s->db.encoding, &b->lines, &drain, err)))
        return false;
    return b->lines.len < LINES_KEPT || (await_turn(w, b) && rv_sq_take_lines(s, b, err));
}

void rv_sq_note_pages(struct rv_sq_worker *w, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n <= to; n++) {
        const uint8_t *page = rv_sq_page(&w->scan->db, n); /* of the file or of the log */
        if (page != NULL)
            rv_sq_window_read(&w->window, page);
    }
}

/* ---- live leaves ---- */

static bool check_leaves(struct rv_sq_worker *w, struct rv_sq_batch *b, uint32_t from, uint32_t to,
                         struct rv_error *err)
{
    const struct rv_sq_db *db = &w->scan->db;
    const uint8_t *first = db->overlay == NULL ? rv_sq_file_page(db, from + 1) : NULL; /* else they lie in the log */
    if (first != NULL)
        rv_sq_window_expect(&w->window, first, (size_t)(to - from) * db->page_size);
    rv_sq_note_pages(w, from + 1, to);
    return rv_sq_db_check_leaves(&w->scan->db, from + 1, to, &b->leaves, err);
}

static bool take_leaves(struct rv_sq_scan_state *s, struct rv_sq_batch *b, struct rv_error *err)
{
    (void)err;
    rv_sq_db_take_leaves(&s->db, &b->leaves);
    rv_sq_leaves_clear(&b->leaves);
    return true;
}

/* ---- collecting what is no longer live ---- */

struct collecting {
    struct rv_sq_worker *worker;
    struct rv_sq_batch *batch;
};

/* Equal values in other bytes: columns added later, and 0 and 1, which old schema formats store as a byte. */
static bool stored_loosely(const struct rv_sq_db *db, const struct rv_sq_row *row, const struct rv_sq_record *record)
{
    bool loose = db->schema_format != 4 || row->count < row->table->stored;
    const uint8_t *body = record->bytes.ptr + record->head;
    for (unsigned i = 0; i < row->count && !loose; i++) {
        loose = record->serials[i] == 1 && (*body & ~1u) == 0;
        body += rv_sq_body_size(record->serials[i]);
    }
    return loose;
}

/* What lies in the holes of an image was gone before: no telling when. */
static struct rv_sq_moment moment_of(const struct rv_sq_scan_state *s, const struct rv_sq_hit *hit)
{
    if (!hit->whole_image)
        return (struct rv_sq_moment){ 0 };
    if (hit->origin == RV_SQ_FROM_JOURNAL)
        return rv_sq_timeline_journal(&s->timeline);
    if (hit->origin != RV_SQ_FROM_WAL)
        return (struct rv_sq_moment){ 0 };
    return hit->snapshot == RV_SQ_SNAPSHOT_FILE ? rv_sq_timeline_file(&s->timeline, hit->number)
                                                : rv_sq_timeline_frame(&s->timeline, hit->page);
}

static bool collect(void *context, const struct rv_sq_hit *hit, struct rv_error *err)
{
    struct collecting *c = context;
    struct rv_sq_worker *w = c->worker;
    struct rv_sq_batch *b = c->batch;
    struct rv_sq_record record;
    if (w->scan->db.tables[hit->table]->system || !rv_sq_row_frame(w->carver, hit, w->row, &record) ||
        (!record.on_page && !rv_sq_row_values(w->carver, hit, w->row, &record)))
        return true;
    if (b->entry_count == b->entry_room) {
        size_t room = b->entry_room ? b->entry_room * 2 : 256;
        struct rv_sq_entry *grown = rv_realloc_array(b->entries, room, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        b->entries = grown;
        b->entry_room = room;
    }
    struct rv_sq_entry *e = &b->entries[b->entry_count++];
    *e = (struct rv_sq_entry){ .hit = *hit, .rowid_known = w->row->rowid_known };
    e->rowid = e->rowid_known ? w->row->rowid : 0;
    e->hash = rv_sq_frame_hash(w->row, hit->table, &record);
    e->trace = rv_sq_trace(hit->table, w->row->payload, w->row->body);
    e->loose = stored_loosely(&w->scan->db, w->row, &record);
    struct rv_sq_moment moment = moment_of(w->scan, hit);
    e->first = e->last = moment.commit;
    e->gone = moment.gone;
    return true;
}

static bool carve_items(struct rv_sq_worker *w, struct rv_sq_batch *b, uint32_t from, uint32_t to, struct rv_error *err)
{
    struct rv_sq_scan_state *s = w->scan;
    struct collecting c = { w, b };
    for (uint32_t i = from; i < to; i++) {
        struct rv_sq_target target;
        bool now = i < s->db.page_count;
        if (now && s->db.tidy[i])
            continue; /* neither residue nor rows */
        if (now) {
            rv_sq_note_pages(w, i + 1, i + 1);
            rv_sq_page_expect(&s->db, i + 2);
            rv_sq_count_residue(&s->db, i + 1, &w->sums);
        }
        if (rv_sq_target_at(w, i, &target) && !rv_sq_carve(w->carver, &target, collect, &c, err))
            return false;
    }
    return true;
}

static bool take_entries(struct rv_sq_scan_state *s, struct rv_sq_batch *b, struct rv_error *err)
{
    enum { AHEAD = 8 };
    for (size_t i = 0; i < b->entry_count; i++) {
        if (i + AHEAD < b->entry_count)
            rv_sq_entries_expect_entry(s->entries, &b->entries[i + AHEAD]);
        if (!rv_sq_entries_add(s->entries, &b->entries[i], err))
            return false;
    }
    b->entry_count = 0;
    return true;
}

/* ---- the whole ---- */

static bool apply_logs(struct rv_sq_scan_state *s, struct rv_error *err)
{
    struct rv_sq_images *log = s->journal.hot ? &s->journal : &s->wal;
    if (log->pages_after == 0 || log->count == 0)
        return true;
    if (log->page_size != s->db.page_size)
        return true; /* of another database */
    if (!rv_sq_db_overlay(&s->db, log->pages_after, err))
        return false;
    for (uint32_t i = log->count; i-- > 0;) {
        const struct rv_sq_image *m = &log->items[i];
        bool use = s->journal.hot || m->state == RV_SQ_IMAGE_CURRENT;
        if (use && m->number >= 1 && m->number <= s->db.page_count)
            s->db.overlay[m->number - 1] = m->page; /* going back: a journal's first image of a page wins */
    }
    return true;
}

static void reading(void *window, const uint8_t *page)
{
    rv_sq_window_read(window, page);
}

static bool open_all(struct rv_sq_scan_state *s, const struct rv_sq_files *files, const struct rv_sq_files *mapped,
                     struct rv_error *err)
{
    struct rv_sq_window window = { .log = mapped != NULL ? mapped->wal : rv_span(NULL, 0) };
    struct rv_sq_reader reader = { reading, &window };
    struct rv_error ignored;
    if (!rv_sq_db_open(&s->db, files->database, err))
        return false;
    if (!rv_sq_wal_read(files->wal, &reader, &s->wal, &ignored))
        s->db.damaged = true;
    if (!rv_sq_journal_read(files->journal, s->db.page_size, &s->journal, &ignored))
        s->db.damaged = true;
    if (s->wal.count > 0 && s->wal.page_size != s->db.page_size)
        s->wal.count = s->wal.pages_after = 0;
    rv_sq_window_clear(&window);
    return apply_logs(s, err) &&
           rv_sq_timeline_make(&s->timeline, files->wal, &s->wal, &s->journal, s->db.page_count, err);
}

/* Trees are walked by one thread; then their leaves are looked at by all. */
static bool map_trees(struct rv_sq_scan_state *s, struct rv_error *err)
{
    s->db.reading = reading;
    s->db.reading_context = &s->workers[0].window;
    bool fine = rv_sq_db_map(&s->db, err);
    s->db.reading = NULL; /* each thread has a window of its own */
    struct stage leaves = { .run = check_leaves, .take = take_leaves, .items = s->db.page_count };
    leaves.step = pages_of(s, 1 << 20);
    return fine && run_stage(s, leaves, s->worker_count, err);
}

static bool map(struct rv_sq_scan_state *s, struct rv_error *err)
{
    if (!map_trees(s, err))
        return false;
    if (s->db.misled) {
        rv_sq_db_unmap(&s->db);
        s->db.damaged = s->db.careful = true;
        if (!map_trees(s, err))
            return false;
    }
    rv_sq_db_map_rest(&s->db);
    return !s->options->salvage || rv_sq_db_reassign(&s->db, err);
}

static bool hire(struct rv_sq_scan_state *s, const struct rv_sq_files *mapped, struct rv_error *err)
{
    s->worker_count = s->options->threads != 0 ? s->options->threads : rv_sq_workers_count();
    if (s->worker_count > RV_SQ_WORKERS_MAX)
        s->worker_count = RV_SQ_WORKERS_MAX;
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct rv_sq_worker *w = &s->workers[i];
        w->scan = s;
        if (mapped != NULL) {
            w->window.file = mapped->database;
            w->window.log = mapped->wal;
        }
        w->payload.cap = 1u << 30;
        w->carver = rv_sq_carver_new(&s->db, rv_sq_page_for_residue, w, err);
        w->live_carver = w->carver != NULL ? rv_sq_carver_new(&s->db, rv_sq_page_for_live, w, err) : NULL;
        if (w->live_carver == NULL || (s->options->salvage && !rv_sq_carver_mend(w->live_carver, err)))
            return false;
        w->row = rv_alloc(sizeof *w->row);
        w->block = rv_alloc_array(RV_SQ_BLOCK, sizeof *w->block);
        if (w->row == NULL || w->block == NULL)
            return rv_fail_nomem(err);
    }
    for (unsigned i = 0; i < RV_SQ_AHEAD; i++)
        s->batches[i].lines.cap = 2u << 30;
    return true;
}

static void dismiss(struct rv_sq_scan_state *s)
{
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct rv_sq_worker *w = &s->workers[i];
        rv_sq_carver_free(w->carver);
        rv_sq_carver_free(w->live_carver);
        rv_free(w->row);
        rv_free(w->block);
        rv_buf_clear(&w->payload);
    }
    for (unsigned i = 0; i < RV_SQ_AHEAD; i++) {
        struct rv_sq_batch *b = &s->batches[i];
        rv_free(b->entries);
        rv_free(b->keys);
        rv_buf_clear(&b->lines);
        rv_sq_leaves_clear(&b->leaves);
    }
}

static bool settle_entries(struct rv_sq_scan_state *s, struct rv_error *err)
{
    bool fine;
    uint8_t *rivals = rv_sq_pages_with_images(s, &fine);
    fine = (fine || rv_fail_nomem(err)) &&
           rv_sq_entries_settle(s->entries, rivals, s->db.page_count, &s->verdict->struck, err);
    rv_free(rivals);
    return fine;
}

static bool search(struct rv_sq_scan_state *s, struct rv_error *err)
{
    struct stage carve = { .run = carve_items, .take = take_entries, .step = pages_of(s, 128 << 10) };
    struct stage live = { .run = rv_sq_live_pages, .take = rv_sq_take_live, .items = s->db.page_count };
    struct stage report = { .run = rv_sq_report_block, .take = rv_sq_take_lines, .step = 1 };
    live.step = pages_of(s, 64 << 10);
    if (!rv_sq_find_tables(s, err) || (s->options->schema != NULL && !s->options->schema(s->context, &s->db, err)))
        return false;
    carve.items = rv_sq_target_count(s);
    if (!run_stage(s, carve, s->worker_count, err) || !run_stage(s, live, row_workers(s), err) ||
        !settle_entries(s, err))
        return false;
    report.items = (uint32_t)((rv_sq_entries_count(s->entries) + RV_SQ_BLOCK - 1) / RV_SQ_BLOCK * RV_SQ_REPORT_STEPS);
    return run_stage(s, report, row_workers(s), err);
}

/* mapped: the files again where their pages can be let go of, else NULL. */
static bool scan_files(struct rv_sq_scan_state *s, const struct rv_sq_files *files, const struct rv_sq_files *mapped,
                       struct rv_error *err)
{
    memset(s->verdict, 0, sizeof *s->verdict);
    bool fine = open_all(s, files, mapped, err) && hire(s, mapped, err) && map(s, err);
    if (fine) {
        s->entries = rv_sq_entries_new(files->database.len + files->wal.len + files->journal.len, err);
        fine = s->entries != NULL && search(s, err);
        rv_sq_fill_verdict(s);
    }
    dismiss(s);
    rv_sq_entries_free(s->entries);
    rv_sq_timeline_clear(&s->timeline);
    rv_sq_images_clear(&s->wal);
    rv_sq_images_clear(&s->journal);
    rv_sq_db_clear(&s->db);
    return fine;
}

bool rv_sq_scan_bytes(struct rv_ctx *ctx, const struct rv_sq_files *files, const struct rv_sq_scan_options *options,
                      rv_sq_found_fn *found, void *context, struct rv_sq_verdict *verdict, struct rv_error *err)
{
    struct rv_sq_scan_state s = { .ctx = ctx, .options = options, .found = found, .context = context };
    s.verdict = verdict;
    return scan_files(&s, files, NULL, err);
}

bool rv_sq_scan(struct rv_ctx *ctx, const char *path, const struct rv_sq_scan_options *options, rv_sq_found_fn *found,
                void *context, struct rv_sq_verdict *verdict, struct rv_error *err)
{
    struct rv_sq_files files;
    struct rv_sq_scan_state s = { .ctx = ctx, .options = options, .found = found, .context = context };
    s.verdict = verdict;
    memset(verdict, 0, sizeof *verdict);
    if (!rv_sq_files_map(path, &files, err))
        return false;
    bool fine = scan_files(&s, &files, &files, err);
    rv_sq_files_unmap(&files);
    return fine;
}
