/* SPDX-License-Identifier: Apache-2.0 */
#include "format/sqlite_schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum token_kind { END, WORD, QUOTED, NUMBER, PUNCTUATION };

struct lexer {
    struct rv_span in;
    size_t at;
    enum token_kind kind;
    struct rv_span text; /* QUOTED: with its quotes */
};

static bool word_byte(uint8_t c)
{
    return c == '_' || c == '$' || c >= 0x80 || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static void skip_blank(struct lexer *l)
{
    while (l->at < l->in.len) {
        const uint8_t *p = l->in.ptr + l->at;
        size_t left = l->in.len - l->at;
        if (*p == ' ' || (*p >= 9 && *p <= 13)) {
            l->at++;
        } else if (left >= 2 && p[0] == '-' && p[1] == '-') {
            while (l->at < l->in.len && l->in.ptr[l->at] != '\n')
                l->at++;
        } else if (left >= 2 && p[0] == '/' && p[1] == '*') {
            l->at += 2;
            while (l->at + 1 < l->in.len && !(l->in.ptr[l->at] == '*' && l->in.ptr[l->at + 1] == '/'))
                l->at++;
            l->at = l->at + 2 < l->in.len ? l->at + 2 : l->in.len;
        } else {
            return;
        }
    }
}

static void next(struct lexer *l)
{
    skip_blank(l);
    size_t from = l->at;
    l->kind = END;
    l->text = rv_span(l->in.ptr + from, 0);
    if (from >= l->in.len)
        return;
    uint8_t c = l->in.ptr[l->at++];
    if (c == '"' || c == '\'' || c == '`' || c == '[') {
        uint8_t close = c == '[' ? ']' : c;
        l->kind = QUOTED;
        for (; l->at < l->in.len; l->at++) {
            if (l->in.ptr[l->at] != close)
                continue;
            l->at++;
            if (close == ']' || l->at >= l->in.len || l->in.ptr[l->at] != close)
                break; /* a doubled quote stands for one */
        }
    } else if (word_byte(c)) {
        l->kind = c >= '0' && c <= '9' ? NUMBER : WORD;
        while (l->at < l->in.len && (word_byte(l->in.ptr[l->at]) || (l->kind == NUMBER && l->in.ptr[l->at] == '.')))
            l->at++;
    } else {
        l->kind = PUNCTUATION;
    }
    l->text = rv_span(l->in.ptr + from, l->at - from);
}

static bool is(const struct lexer *l, const char *word)
{
    size_t n = strlen(word);
    return l->kind != QUOTED && l->kind != END && l->text.len == n &&
           strncasecmp((const char *)l->text.ptr, word, n) == 0;
}

/* Takes the present token as an identifier: quotes removed, doubled quotes halved. */
static char *identifier(const struct lexer *l)
{
    if (l->kind != QUOTED)
        return rv_text_copy_n((const char *)l->text.ptr, l->text.len);
    char *out = rv_alloc(l->text.len + 1);
    if (out == NULL)
        return NULL;
    uint8_t close = l->text.ptr[0] == '[' ? ']' : l->text.ptr[0];
    size_t n = 0;
    for (size_t i = 1; i < l->text.len; i++) {
        uint8_t c = l->text.ptr[i];
        if (c == close && (i + 1 >= l->text.len || l->text.ptr[i + 1] != close || close == ']'))
            break;
        if (c == close)
            i++;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return out;
}

/* Skips a parenthesised group; the lexer stands on "(" and ends behind the matching ")". */
static void skip_group(struct lexer *l)
{
    unsigned depth = 0;
    do {
        if (is(l, "("))
            depth++;
        else if (is(l, ")"))
            depth--;
        next(l);
    } while (depth > 0 && l->kind != END);
}

static bool contains(const char *type, const char *part)
{
    return strcasestr(type, part) != NULL;
}

/* Rules of the file format document's section 3.1, in their order. */
static enum rv_sq_affinity affinity_of(const char *type)
{
    if (contains(type, "INT"))
        return RV_SQ_AFF_INTEGER;
    if (contains(type, "CHAR") || contains(type, "CLOB") || contains(type, "TEXT"))
        return RV_SQ_AFF_TEXT;
    if (contains(type, "BLOB") || *type == '\0')
        return RV_SQ_AFF_BLOB;
    if (contains(type, "REAL") || contains(type, "FLOA") || contains(type, "DOUB"))
        return RV_SQ_AFF_REAL;
    return RV_SQ_AFF_NUMERIC;
}

static bool starts_constraint(const struct lexer *l)
{
    static const char *const words[] = { "CONSTRAINT", "PRIMARY", "NOT",       "NULL",       "UNIQUE", "CHECK",
                                         "DEFAULT",    "COLLATE", "GENERATED", "REFERENCES", "AS" };
    for (size_t i = 0; i < RV_COUNT(words); i++)
        if (is(l, words[i]))
            return true;
    return false;
}

struct builder {
    struct rv_sq_table *table;
    struct rv_error *err;
    bool integer_pk; /* the column's type is exactly INTEGER */
    unsigned pks;
};

static bool read_type(struct lexer *l, char *type, size_t room)
{
    size_t n = 0;
    type[0] = '\0';
    while ((l->kind == WORD || l->kind == QUOTED || l->kind == NUMBER) && !starts_constraint(l)) {
        if (n > 0 && n + 1 < room)
            type[n++] = ' ';
        for (size_t i = 0; i < l->text.len && n + 1 < room; i++)
            if (l->text.ptr[i] != '"')
                type[n++] = (char)l->text.ptr[i];
        type[n] = '\0';
        next(l);
    }
    if (is(l, "("))
        skip_group(l);
    return true;
}

static void read_primary_key(struct lexer *l, struct builder *b, struct rv_sq_column *column, const char *type)
{
    next(l);
    if (is(l, "KEY"))
        next(l);
    column->pk = (uint8_t)(b->pks < 255 ? ++b->pks : 255);
    bool descending = is(l, "DESC");
    if (descending || is(l, "ASC"))
        next(l);
    /* "INTEGER PRIMARY KEY DESC" is, by an old quirk, no alias of the rowid. */
    if (!descending && strcasecmp(type, "INTEGER") == 0)
        b->table->ipk = (int)(column - b->table->columns);
}

/* A number that TEXT affinity turns into text, or that integer columns keep without its fraction. */
static void settle_number(struct rv_sq_value *v, struct rv_span text, bool negative, enum rv_sq_affinity affinity)
{
    char digits[64], *end = digits;
    size_t n = text.len < sizeof digits - 2 ? text.len : sizeof digits - 2;
    digits[0] = '-';
    memcpy(digits + 1, text.ptr, n);
    digits[n + 1] = '\0';
    const char *from = negative ? digits : digits + 1;
    if (affinity == RV_SQ_AFF_TEXT) {
        v->kind = RV_SQ_TEXT;
        v->bytes = rv_span(rv_text_copy(from), strlen(from));
        return;
    }
    errno = 0;
    bool hex = n > 2 && (digits[2] | 32) == 'x'; /* a leading zero is not octal here */
    long long whole = strtoll(from, &end, hex ? 16 : 10);
    *v = (struct rv_sq_value){ .kind = RV_SQ_INT8, .integer = whole };
    if (*end != '\0' || errno != 0)
        *v = (struct rv_sq_value){ .kind = RV_SQ_REAL, .real = strtod(from, &end) };
}

/* DEFAULT value: the lexer stands behind the word and ends behind the value. */
static void read_default(struct lexer *l, struct rv_sq_column *column)
{
    struct rv_sq_value v = { .kind = RV_SQ_UNKNOWN };
    bool negative = is(l, "-");
    if (negative || is(l, "+"))
        next(l);
    if (l->kind == NUMBER) {
        settle_number(&v, l->text, negative, column->affinity);
    } else if (l->kind == QUOTED) {
        char *text = identifier(l);
        v.kind = text != NULL ? RV_SQ_TEXT : RV_SQ_UNKNOWN;
        v.bytes = rv_span(text, text != NULL ? strlen(text) : 0);
    } else if (is(l, "NULL")) {
        v.kind = RV_SQ_NULL;
    } else if (is(l, "TRUE") || is(l, "FALSE")) {
        v.kind = is(l, "TRUE") ? RV_SQ_ONE : RV_SQ_ZERO;
        v.integer = is(l, "TRUE");
    }
    rv_free((void *)(uintptr_t)column->fallback.bytes.ptr);
    column->fallback = v;
    if (is(l, "("))
        skip_group(l);
    else if (l->kind != END && !is(l, ",") && !is(l, ")"))
        next(l);
}

static void read_column_constraints(struct lexer *l, struct builder *b, struct rv_sq_column *column, const char *type)
{
    bool generated = false;
    while (l->kind != END && !is(l, ",") && !is(l, ")")) {
        if (is(l, "PRIMARY")) {
            read_primary_key(l, b, column, type);
        } else if (is(l, "AUTOINCREMENT")) {
            b->table->autoincrement = true;
            next(l);
        } else if (is(l, "NOT")) {
            next(l);
            if (is(l, "NULL"))
                column->not_null = true;
        } else if (is(l, "DEFAULT")) {
            next(l);
            read_default(l, column);
        } else if (is(l, "AS")) {
            generated = column->generated = true;
            column->generated_virtual = true; /* unless STORED follows */
            next(l);
        } else if (generated && is(l, "STORED")) {
            column->generated_virtual = false;
            next(l);
        } else if (is(l, "(")) {
            skip_group(l);
        } else {
            next(l);
        }
    }
}

static struct rv_sq_column *add_column(struct builder *b)
{
    struct rv_sq_table *t = b->table;
    if (t->count >= RV_SQ_COLUMNS_MAX) {
        rv_fail(b->err, RV_E_LIMIT, "more than %d columns", RV_SQ_COLUMNS_MAX);
        return NULL;
    }
    if (t->count % 16 == 0) {
        struct rv_sq_column *grown = rv_realloc_array(t->columns, (size_t)t->count + 16, sizeof *grown);
        if (grown == NULL) {
            rv_fail_nomem(b->err);
            return NULL;
        }
        t->columns = grown;
    }
    struct rv_sq_column *column = &t->columns[t->count];
    memset(column, 0, sizeof *column);
    return column;
}

static bool read_column(struct lexer *l, struct builder *b)
{
    char type[128];
    struct rv_sq_column *column = add_column(b);
    if (column == NULL)
        return false;
    column->name = identifier(l);
    if (column->name == NULL)
        return rv_fail_nomem(b->err);
    b->table->count++;
    next(l);
    read_type(l, type, sizeof type);
    column->affinity = affinity_of(type);
    read_column_constraints(l, b, column, type);
    if (strcasecmp(type, "INTEGER") == 0)
        column->exact_integer = true;
    return true;
}

/* PRIMARY KEY (a, b): the lexer stands on "(". */
static bool read_key_list(struct lexer *l, struct builder *b)
{
    unsigned place = 0;
    int only = -1;
    next(l);
    while (l->kind != END && !is(l, ")")) {
        RV_AUTO_TEXT name = identifier(l);
        if (name == NULL)
            return rv_fail_nomem(b->err);
        for (unsigned i = 0; i < b->table->count; i++)
            if (b->table->columns[i].pk == 0 && strcasecmp(b->table->columns[i].name, name) == 0) {
                b->table->columns[i].pk = (uint8_t)++place;
                only = (int)i;
            }
        while (l->kind != END && !is(l, ",") && !is(l, ")")) {
            if (is(l, "("))
                skip_group(l);
            else
                next(l);
        }
        if (is(l, ","))
            next(l);
    }
    if (place == 1 && only >= 0 && b->table->columns[only].exact_integer)
        b->table->ipk = only;
    if (is(l, ")"))
        next(l);
    return true;
}

static bool read_table_constraint(struct lexer *l, struct builder *b)
{
    while (l->kind != END && !is(l, ",") && !is(l, ")")) {
        if (is(l, "PRIMARY")) {
            next(l);
            if (is(l, "KEY"))
                next(l);
            if (is(l, "(") && !read_key_list(l, b))
                return false;
        } else if (is(l, "(")) {
            skip_group(l);
        } else {
            next(l);
        }
    }
    return true;
}

static bool is_table_constraint(const struct lexer *l)
{
    return is(l, "CONSTRAINT") || is(l, "PRIMARY") || is(l, "UNIQUE") || is(l, "CHECK") || is(l, "FOREIGN");
}

static bool read_body(struct lexer *l, struct builder *b)
{
    while (l->kind != END && !is(l, ")")) {
        bool fine = is_table_constraint(l) && b->table->count > 0 ? read_table_constraint(l, b) : read_column(l, b);
        if (!fine)
            return false;
        if (is(l, ","))
            next(l);
        else if (!is(l, ")") && l->kind != END)
            next(l);
    }
    for (next(l); l->kind != END; next(l))
        if (is(l, "WITHOUT"))
            b->table->without_rowid = true;
    return true;
}

/* Stored order: WITHOUT ROWID tables put the PRIMARY KEY first; virtual generated columns are not stored. */
static bool lay_out(struct rv_sq_table *t, struct rv_error *err)
{
    t->order = rv_alloc_array(t->count, sizeof *t->order);
    t->learned = rv_alloc_array(t->count, sizeof *t->learned);
    if (t->order == NULL || t->learned == NULL)
        return rv_fail_nomem(err);
    if (t->without_rowid) {
        t->ipk = -1;
        for (unsigned place = 1; place <= 255; place++)
            for (unsigned i = 0; i < t->count; i++)
                if (t->columns[i].pk == place && t->stored < t->count)
                    t->order[t->stored++] = (uint16_t)i;
    }
    for (unsigned i = 0; i < t->count; i++)
        if (!t->columns[i].generated_virtual && (!t->without_rowid || t->columns[i].pk == 0))
            t->order[t->stored++] = (uint16_t)i;
    t->least_stored = t->stored;
    for (unsigned i = 0; i < t->stored; i++) {
        struct rv_sq_learned *s = &t->learned[i];
        s->int_min = INT64_MAX;
        s->int_max = INT64_MIN;
        s->length_min = UINT32_MAX;
    }
    return t->stored > 0 || rv_fail(err, RV_E_FORMAT, "a table without columns");
}

static bool read_head(struct lexer *l, struct rv_sq_table *t, struct rv_error *err)
{
    next(l);
    if (!is(l, "CREATE"))
        return rv_fail(err, RV_E_FORMAT, "the text does not begin with CREATE");
    next(l);
    if (is(l, "TEMP") || is(l, "TEMPORARY"))
        next(l);
    if (!is(l, "TABLE"))
        return rv_fail(err, RV_E_FORMAT, "the text creates no table that stores rows");
    next(l);
    if (is(l, "IF"))
        for (int i = 0; i < 3; i++)
            next(l);
    t->name = identifier(l);
    if (t->name == NULL)
        return rv_fail_nomem(err);
    next(l);
    if (is(l, ".")) { /* schema.name */
        next(l);
        rv_free(t->name);
        t->name = identifier(l);
        next(l);
    }
    if (t->name == NULL || !is(l, "("))
        return rv_fail(err, RV_E_FORMAT, "no column list follows the table's name");
    next(l);
    return true;
}

struct rv_sq_table *rv_sq_table_parse(struct rv_span sql, struct rv_error *err)
{
    struct lexer l = { .in = sql };
    RV_AUTO(rv_sq_table) t = rv_alloc(sizeof *t);
    if (t == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    t->ipk = -1;
    struct builder b = { .table = t, .err = err };
    if (!read_head(&l, t, err) || !read_body(&l, &b) || !lay_out(t, err))
        return NULL;
    t->sql = rv_text_copy_n((const char *)sql.ptr, sql.len);
    if (t->sql == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    t->system = strncasecmp(t->name, "sqlite_", 7) == 0;
    return rv_steal(&t);
}

struct rv_sq_table *rv_sq_table_master(struct rv_error *err)
{
    static const char sql[] = "CREATE TABLE sqlite_master(type TEXT, name TEXT, tbl_name TEXT, rootpage INT, sql TEXT)";
    return rv_sq_table_parse(RV_SPAN_TEXT(sql), err);
}

void rv_sq_table_free(struct rv_sq_table *t)
{
    if (t == NULL)
        return;
    for (unsigned i = 0; i < t->count; i++) {
        rv_free(t->columns[i].name);
        rv_free((void *)(uintptr_t)t->columns[i].fallback.bytes.ptr);
    }
    rv_free(t->columns);
    rv_free(t->order);
    rv_free(t->learned);
    rv_free(t->class_bits);
    rv_free(t->name);
    rv_free(t->sql);
    rv_free(t);
}

bool rv_sq_table_same_form(const struct rv_sq_table *a, const struct rv_sq_table *b)
{
    if (a->count != b->count || a->ipk != b->ipk || a->without_rowid != b->without_rowid)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (a->columns[i].affinity != b->columns[i].affinity || a->columns[i].pk != b->columns[i].pk ||
            a->columns[i].not_null != b->columns[i].not_null)
            return false;
    return true;
}
