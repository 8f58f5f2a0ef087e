/* SPDX-License-Identifier: Apache-2.0 */
#include "recover/sqlite_timeline.h"

#include <stdlib.h>
#include <string.h>

struct frame {
    int64_t age; /* how many restarts ago, negative; 0 the present generation */
    uint32_t index;
};

static int by_age(const void *a, const void *b)
{
    const struct frame *x = a, *y = b;
    if (x->age != y->age)
        return x->age < y->age ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bool add_commit(struct rv_sq_timeline *t, enum rv_sq_commit_kind kind, struct rv_error *err)
{
    if (t->commit_count % 64 == 0) {
        struct rv_sq_commit *grown = rv_realloc_array(t->commits, t->commit_count + 64, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        t->commits = grown;
    }
    t->commits[t->commit_count++] = (struct rv_sq_commit){ kind, t->generations, 0 };
    return true;
}

/* Frames in the order in which they were written. Those that were never committed are left out. */
static struct frame *ordered(const struct rv_sq_images *wal, uint32_t present, uint32_t *count)
{
    struct frame *frames = rv_alloc_array(wal->count, sizeof *frames);
    *count = 0;
    for (uint32_t i = 0; frames != NULL && i < wal->count; i++) {
        const struct rv_sq_image *m = &wal->items[i];
        if (m->state == RV_SQ_IMAGE_UNCOMMITTED)
            continue;
        bool stale = m->state == RV_SQ_IMAGE_STALE;
        int64_t age = stale ? (int64_t)(int32_t)(m->salt - present) : 0;
        frames[(*count)++] = (struct frame){ stale && age >= 0 ? -1 : age, i };
    }
    if (frames != NULL)
        qsort(frames, *count, sizeof *frames, by_age);
    return frames;
}

static bool number_frames(struct rv_sq_timeline *t, const struct frame *frames, uint32_t count, struct rv_error *err)
{
    uint32_t snapshot = 0;
    for (uint32_t i = 0; i <= count; i++) {
        bool present = i == count || frames[i].age == 0;
        if (present && t->file_commit == 0) {
            if (!add_commit(t, RV_SQ_COMMIT_FILE, err))
                return false;
            t->file_commit = t->commit_count;
            snapshot = 0;
        }
        if (i == count)
            break;
        const struct rv_sq_image *m = &t->wal->items[frames[i].index];
        bool restarted = i == 0 || frames[i].age != frames[i - 1].age;
        t->generations += restarted;
        if ((restarted || m->snapshot != snapshot) &&
            !add_commit(t, present ? RV_SQ_COMMIT_CURRENT : RV_SQ_COMMIT_STALE, err))
            return false;
        snapshot = m->snapshot;
        t->commits[t->commit_count - 1].frames++;
        t->commit_of[frames[i].index] = t->commit_count;
    }
    return true;
}

/* From the last frame back: what comes next of each page is known then. `latest`: by page - 1, all 0. */
static void link_frames(struct rv_sq_timeline *t, const struct frame *frames, uint32_t count, uint32_t *latest)
{
    uint32_t i = count;
    for (; i > 0 && frames[i - 1].age == 0; i--) {
        uint32_t index = frames[i - 1].index, number = t->wal->items[index].number;
        if (number < 1 || number > t->pages)
            continue;
        t->later[index] = latest[number - 1];
        t->earlier[index] = RV_SQ_IN_FILE;
        if (latest[number - 1] != 0)
            t->earlier[latest[number - 1] - 1] = index + 1;
        latest[number - 1] = index + 1;
    }
    memcpy(t->after_file, latest, t->pages * sizeof *latest);
    for (uint32_t n = 0; n < t->pages; n++)
        latest[n] = RV_SQ_IN_FILE; /* what was restarted over had been written into the file */
    for (; i > 0; i--) {
        uint32_t index = frames[i - 1].index, number = t->wal->items[index].number;
        if (number < 1 || number > t->pages)
            continue;
        t->later[index] = latest[number - 1];
        if (latest[number - 1] != RV_SQ_IN_FILE)
            t->earlier[latest[number - 1] - 1] = index + 1;
        latest[number - 1] = index + 1;
    }
}

static bool order_log(struct rv_sq_timeline *t, uint32_t present, struct rv_error *err)
{
    uint32_t count = 0;
    struct frame *frames = ordered(t->wal, present, &count);
    uint32_t *latest = rv_alloc_array(t->pages, sizeof *latest);
    t->commit_of = rv_alloc_array(t->wal->count, sizeof *t->commit_of);
    t->later = rv_alloc_array(t->wal->count, sizeof *t->later);
    t->earlier = rv_alloc_array(t->wal->count, sizeof *t->earlier);
    t->after_file = rv_alloc_array(t->pages, sizeof *t->after_file);
    bool fine = frames != NULL && latest != NULL && t->commit_of != NULL && t->later != NULL && t->earlier != NULL &&
                t->after_file != NULL;
    fine = fine ? number_frames(t, frames, count, err) : rv_fail_nomem(err);
    if (fine)
        link_frames(t, frames, count, latest);
    rv_free(frames);
    rv_free(latest);
    return fine;
}

bool rv_sq_timeline_make(struct rv_sq_timeline *t, struct rv_span wal_file, const struct rv_sq_images *wal,
                         const struct rv_sq_images *journal, uint32_t pages, struct rv_error *err)
{
    *t = (struct rv_sq_timeline){ .wal = wal, .wal_start = wal_file.ptr, .pages = pages };
    if (wal->count > 0)
        return order_log(t, rv_sq_u32(wal_file.ptr + 16), err);
    if (journal->count == 0 || journal->hot)
        return true;
    if (!add_commit(t, RV_SQ_COMMIT_BEFORE, err) || !add_commit(t, RV_SQ_COMMIT_NOW, err))
        return false;
    t->commits[0].frames = journal->count;
    return true;
}

void rv_sq_timeline_clear(struct rv_sq_timeline *t)
{
    rv_free(t->commits);
    rv_free(t->commit_of);
    rv_free(t->later);
    rv_free(t->earlier);
    rv_free(t->after_file);
    *t = (struct rv_sq_timeline){ 0 };
}

uint32_t rv_sq_timeline_index(const struct rv_sq_timeline *t, const uint8_t *page)
{
    enum { WAL_HEADER = 32, FRAME_HEADER = 24 };
    if (t->commit_of == NULL || page < t->wal_start + WAL_HEADER + FRAME_HEADER)
        return 0;
    size_t index = (size_t)(page - t->wal_start - WAL_HEADER) / (t->wal->page_size + FRAME_HEADER);
    return index < t->wal->count ? (uint32_t)index + 1 : 0;
}

static uint32_t commit_at(const struct rv_sq_timeline *t, uint32_t place)
{
    return place == 0 ? 0 : place == RV_SQ_IN_FILE ? t->file_commit : t->commit_of[place - 1];
}

struct rv_sq_moment rv_sq_timeline_frame(const struct rv_sq_timeline *t, const uint8_t *page)
{
    uint32_t place = rv_sq_timeline_index(t, page);
    if (place == 0 || t->commit_of[place - 1] == 0)
        return (struct rv_sq_moment){ 0 };
    return (struct rv_sq_moment){ t->commit_of[place - 1], commit_at(t, t->later[place - 1]) };
}

struct rv_sq_moment rv_sq_timeline_file(const struct rv_sq_timeline *t, uint32_t number)
{
    if (t->after_file == NULL || number < 1 || number > t->pages)
        return (struct rv_sq_moment){ 0 };
    return (struct rv_sq_moment){ t->file_commit, commit_at(t, t->after_file[number - 1]) };
}

struct rv_sq_moment rv_sq_timeline_journal(const struct rv_sq_timeline *t)
{
    bool journal = t->commit_count > 0 && t->commits[0].kind == RV_SQ_COMMIT_BEFORE;
    return journal ? (struct rv_sq_moment){ 1, 2 } : (struct rv_sq_moment){ 0 };
}
