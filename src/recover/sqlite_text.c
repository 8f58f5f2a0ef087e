/* SPDX-License-Identifier: Apache-2.0 */
/* One found row for a person at a terminal: what it is and how sure that is, then its columns that say something. */
#include "recover/sqlite_scan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_WIDTH = 14, TEXT_MAX = 160 };

/* Words of the database on a terminal: no control character reaches it. */
static bool add_clean(struct rv_buf *out, struct rv_span utf8, struct rv_error *err)
{
    size_t len = utf8.len < TEXT_MAX ? utf8.len : TEXT_MAX;
    while (len < utf8.len && len > 0 && (utf8.ptr[len] & 0xC0) == 0x80)
        len--; /* no half characters */
    uint8_t *to = rv_buf_reserve(out, len, err);
    if (to == NULL)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool c1 = utf8.ptr[i] == 0xC2 && i + 1 < len && utf8.ptr[i + 1] < 0xA0; /* U+0080 to U+009F */
        bool control = utf8.ptr[i] < 0x20 || utf8.ptr[i] == 0x7F || c1;
        to[i] = control ? (utf8.ptr[i] == '\n' ? ' ' : '?') : utf8.ptr[i];
        if (c1)
            to[++i] = '?';
    }
    out->len += len;
    return len == utf8.len || rv_buf_add_format(out, err, " ... (%zu bytes)", utf8.len);
}

static bool add_text(struct rv_buf *out, struct rv_span text, enum rv_sq_encoding encoding, struct rv_error *err)
{
    struct rv_buf utf8 = RV_BUF(1u << 30);
    if (encoding == RV_SQ_UTF8)
        return add_clean(out, text, err);
    bool fine = rv_sq_text_to_utf8(text, encoding, &utf8, err) && add_clean(out, rv_buf_span(&utf8), err);
    rv_buf_clear(&utf8);
    return fine;
}

static bool add_value(struct rv_buf *out, const struct rv_sq_value *v, enum rv_sq_encoding encoding,
                      struct rv_error *err)
{
    switch (v->kind) {
    case RV_SQ_UNKNOWN:
        return rv_buf_add_text(out, "(lost)", err);
    case RV_SQ_REAL:
        return rv_buf_add_format(out, err, "%.15g", v->real);
    case RV_SQ_TEXT:
        return add_text(out, v->bytes, encoding, err);
    case RV_SQ_BLOB:
        return rv_buf_add_format(out, err, "(%zu bytes of data)", v->bytes.len);
    default:
        return rv_buf_add_format(out, err, "%lld", (long long)v->integer);
    }
}

static bool add_column(struct rv_buf *out, const struct rv_sq_found *f, unsigned i, enum rv_sq_encoding encoding,
                       struct rv_error *err)
{
    bool ours;
    struct rv_sq_value v = rv_sq_shown_value(f->row, i, &ours);
    const char *name = f->row->table->columns[i].name;
    char made_up[16];
    if (v.kind == RV_SQ_NULL || (int)i == f->row->table->ipk)
        return true;
    snprintf(made_up, sizeof made_up, "column %u", i + 1);
    if (name == NULL)
        name = made_up;
    size_t start = out->len, width;
    if (!rv_buf_add_text(out, "\n   ", err) || !add_clean(out, rv_span(name, strlen(name)), err))
        return false;
    width = out->len - start - 4;
    return rv_buf_add_format(out, err, "%*s", width < NAME_WIDTH ? (int)(NAME_WIDTH - width) : 1, "") &&
           add_value(out, &v, ours ? RV_SQ_UTF8 : encoding, err);
}

static bool add_times(struct rv_buf *out, const struct rv_sq_found *f, struct rv_error *err)
{
    if (f->commit_first == 0)
        return true;
    if (f->commit_gone == 0)
        return rv_buf_add_format(out, err, ", in state %u", f->commit_last);
    return rv_buf_add_format(out, err, ", there in state %u, %s with state %u", f->commit_last,
                             f->status == RV_SQ_OLDER_VERSION ? "changed" : "gone", f->commit_gone);
}

bool rv_sq_found_text(const struct rv_sq_found *f, enum rv_sq_encoding encoding, struct rv_buf *out,
                      struct rv_error *err)
{
    const char *name = f->row->table->name;
    bool fine = name != NULL ? add_clean(out, rv_span(name, strlen(name)), err)
                             : rv_buf_add_text(out, "(a table whose name is lost)", err);
    if (fine && f->row->rowid_known)
        fine = rv_buf_add_format(out, err, " %lld", (long long)f->row->rowid);
    fine =
        fine && rv_buf_add_format(out, err, "  %s%s, %ld %% sure: %s [%s, page %u%s", rv_sq_status_names[f->status],
                                  f->partial ? " in part" : "", lround(f->confidence * 100),
                                  f->reason != NULL ? f->reason : "", rv_sq_origin_names[f->hit->origin],
                                  f->hit->number, f->table_uncertain ? "; or of a dropped table of the same form" : "");
    fine = fine && add_times(out, f, err) && rv_buf_add_text(out, "]", err);
    for (unsigned i = 0; fine && i < f->row->table->count; i++)
        fine = add_column(out, f, i, encoding, err);
    return fine;
}
