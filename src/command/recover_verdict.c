/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The honest verdict on one database: what can still be inside, what cannot and why, where else to look. Each sentence
 * stands on a number that was counted in the file.
 */
#include "command/recover_verdict.h"

#include <stdarg.h>

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static void add(json_t *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(json_t *list, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    json_array_append_new(list, json_vsprintf(fmt, ap));
    va_end(ap);
}

/* secure_delete: nine in ten of at least five deleted places hold nothing but zeroes. */
static bool wiped_in_pages(const struct rv_sq_verdict *v)
{
    return v->freeblocks >= 5 && (uint64_t)v->freeblocks_zeroed * 10 >= (uint64_t)v->freeblocks * 9;
}

static json_t *can_words(const struct rv_sq_verdict *v)
{
    json_t *list = json_array();
    uint32_t kept = v->freeblocks - v->freeblocks_zeroed, pages = v->free_pages + v->lost_pages;
    if (kept > 0 && !wiped_in_pages(v))
        add(list, "Rows deleted one by one: %u of %u deleted places inside pages still hold bytes.", kept,
            v->freeblocks);
    if (pages > v->free_pages_zeroed)
        add(list,
            "What was deleted in one go (a long conversation, a dropped table): %u of %u free pages still hold bytes.",
            pages - v->free_pages_zeroed, pages);
    if (v->overflow_pages_free > 0)
        add(list, "Ends of long texts and pictures: %u free pages carry no page header.", v->overflow_pages_free);
    if (v->wal)
        add(list, "Older versions of rows: the -wal beside the file holds %u earlier state%s.",
            v->commit_count - (v->commit_count > 0), v->commit_count == 2 ? "" : "s");
    if (v->journal)
        add(list, "The state before the last transaction: it is in the -journal beside the file.");
    if (v->tables_dropped > 0)
        add(list, "Rows of %u tables that were dropped: their descriptions were found.", v->tables_dropped);
    return list;
}

static json_t *cannot_words(const struct rv_sq_verdict *v)
{
    json_t *list = json_array();
    if (wiped_in_pages(v))
        add(list,
            "Rows deleted one by one: %u of %u deleted places were overwritten with zeroes at once. Apple's systems do "
            "so "
            "from iOS 12 on (SQLite's secure_delete).",
            v->freeblocks_zeroed, v->freeblocks);
    else if ((uint64_t)v->freeblocks_zeroed * 10 >= v->freeblocks && v->freeblocks_zeroed > 0)
        add(list, "%u of %u deleted places inside pages hold nothing but zeroes.", v->freeblocks_zeroed, v->freeblocks);
    if (v->free_pages_zeroed > 0)
        add(list, "%u free pages were wiped.", v->free_pages_zeroed);
    if (v->residue_bytes == 0 && !v->wal && !v->journal)
        add(list, "No byte of a deleted row is left in this file: every free byte is zero, and no log lies beside it.");
    if (v->auto_vacuum)
        add(list, "Pages that auto_vacuum cut off the end of the file: only older copies of the file have them.");
    if (!v->wal && !v->journal && v->residue_bytes > 0)
        add(list,
            "Older versions of rows, as far as they were written over: no -wal or -journal lies beside the file.");
    add(list, "What newer rows were written over.");
    return list;
}

static json_t *elsewhere_words(const struct rv_sq_verdict *v)
{
    json_t *list = json_array();
    add(list, "\"Recently Deleted\" of the app: rows there are still live in the database, for 30 to 40 days.");
    add(list, "Older backups of the device: what was deleted since is whole in them.");
    if (!v->wal)
        add(list, "The -wal file of this database, from a full copy of the device's files: most backups leave it out.");
    return list;
}

static json_t *tables_json(const struct rv_sq_verdict *v)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < v->missing_count; i++) {
        const struct rv_sq_missing *m = &v->missing[i];
        json_t *one = json_object();
        json_t *name = json_string(m->table);
        json_object_set_new(one, "table", name != NULL ? name : json_null());
        json_object_set_new(one, "live_rows", number(m->live));
        json_object_set_new(one, "highest_rowid", number(m->highest));
        json_object_set_new(one, "missing_rowids", number(m->missing));
        json_object_set_new(one, "counted_by_sqlite", json_boolean(m->sequence));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *commits_json(const struct rv_sq_verdict *v)
{
    static const char *const kinds[RV_SQ_COMMIT_KINDS] = { "log, before its last restart", "database file", "log",
                                                           "journal", "now" };
    uint32_t shown = v->commit_count < RV_SQ_COMMITS_SHOWN ? v->commit_count : RV_SQ_COMMITS_SHOWN;
    json_t *list = json_array();
    for (uint32_t i = 0; i < shown; i++) {
        const struct rv_sq_commit *c = &v->commits[i];
        json_t *one = json_object();
        json_object_set_new(one, "commit", number(v->commit_count - shown + i + 1));
        json_object_set_new(one, "from", json_string(kinds[c->kind]));
        if (c->generation != 0 && c->kind != RV_SQ_COMMIT_FILE)
            json_object_set_new(one, "generation", number(c->generation));
        if (c->frames != 0)
            json_object_set_new(one, "pages", number(c->frames));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *sources_json(const struct rv_sq_verdict *v)
{
    json_t *j = json_object();
    for (unsigned i = 0; i < RV_SQ_ORIGINS; i++)
        if (v->by_origin[i] > 0)
            json_object_set_new(j, rv_sq_origin_names[i], number(v->by_origin[i]));
    return j;
}

/* One sentence for who reads no more. */
static const char *short_words(const struct rv_sq_verdict *v)
{
    if (wiped_in_pages(v))
        return "Deleted rows inside pages were wiped when they were deleted (iOS 12 and later do so). What can still "
               "be found: whole freed pages, older page images in a -wal or -journal file, older backups.";
    if (v->residue_bytes == 0 && !v->wal && !v->journal)
        return "Nothing is left to recover inside this file. Look into older backups of the device.";
    return "Freed bytes were not wiped: deleted rows are found as far as newer ones did not overwrite them.";
}

json_t *rv_recover_verdict_json(const struct rv_sq_verdict *v)
{
    json_t *j = json_object();
    json_object_set_new(j, "damaged", json_boolean(v->damaged));
    json_object_set_new(j, "wal", json_boolean(v->wal));
    json_object_set_new(j, "journal", json_boolean(v->journal));
    json_object_set_new(j, "auto_vacuum", json_boolean(v->auto_vacuum));
    json_object_set_new(j, "last_writer", number(v->writer));
    json_object_set_new(j, "page_size", number(v->page_size));
    json_object_set_new(j, "pages", number(v->page_count));
    json_object_set_new(j, "free_pages", number(v->free_pages));
    json_object_set_new(j, "lost_pages", number(v->lost_pages));
    json_object_set_new(j, "freeblocks", number(v->freeblocks));
    json_object_set_new(j, "freeblocks_wiped", number(v->freeblocks_zeroed));
    json_object_set_new(j, "free_pages_wiped", number(v->free_pages_zeroed));
    json_object_set_new(j, "residue_bytes", number(v->residue_bytes));
    json_object_set_new(j, "live_rows", number(v->live_rows));
    json_object_set_new(j, "deleted_rows", number(v->deleted_rows));
    json_object_set_new(j, "partial_rows", number(v->partial_rows));
    json_object_set_new(j, "sources", sources_json(v));
    json_object_set_new(j, "missing_rowids", number(v->missing_rowids));
    json_object_set_new(j, "tables", tables_json(v));
    json_object_set_new(j, "copies_of_live_rows", number(v->struck));
    json_object_set_new(j, "uncommitted_images", number(v->uncommitted_frames));
    json_object_set_new(j, "commit_count", number(v->commit_count));
    json_object_set_new(j, "commits", commits_json(v));
    json_object_set_new(j, "can_be_inside", can_words(v));
    json_object_set_new(j, "cannot_be_inside", cannot_words(v));
    json_object_set_new(j, "look_elsewhere", elsewhere_words(v));
    json_object_set_new(j, "words", json_string(short_words(v)));
    return j;
}
