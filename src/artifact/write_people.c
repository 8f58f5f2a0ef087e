/* SPDX-License-Identifier: Apache-2.0 */
/* Contacts as vCard 3.0, which everything reads, or 4.0. */
#include "artifact/fold.h"
#include "artifact/writers.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

struct cards {
    struct rv_sheet sheet;
    bool four;
    unsigned items; /* of the card: numbers of grouped lines */
};

/* A built-in label -> what vCard calls it; anything else becomes a label of its own. */
static const struct {
    const char *label, *type;
} labels[] = {
    { "Mobile", "CELL" }, { "iPhone", "CELL" },      { "Home", "HOME" },        { "Work", "WORK" },
    { "Main", "MAIN" },   { "HomeFAX", "HOME,FAX" }, { "WorkFAX", "WORK,FAX" }, { "Pager", "PAGER" },
    { "Other", "OTHER" }, { "HomePage", "HOME" },
};

static const char *type_of(const char *label)
{
    for (size_t i = 0; i < RV_COUNT(labels); i++)
        if (strcmp(labels[i].label, label) == 0)
            return labels[i].type;
    return NULL;
}

/* "TEL;TYPE=CELL:..." or "item1.TEL:..." with its label on a line of its own. */
static bool put_labelled(struct cards *c, const char *name, const json_t *value, struct rv_folded *text,
                         struct rv_error *err)
{
    const char *label = rv_get(value, "label"), *type = type_of(label);
    char head[200];
    struct rv_folded line;
    if (*label == '\0')
        snprintf(head, sizeof head, "%s", name);
    else if (type != NULL && (!c->four || (strcmp(type, "MAIN") != 0 && strcmp(type, "OTHER") != 0)))
        snprintf(head, sizeof head, strchr(type, ',') != NULL && c->four ? "%s;TYPE=\"%s\"" : "%s;TYPE=%s", name, type);
    else
        snprintf(head, sizeof head, "item%u.%s", ++c->items, name);
    rv_fold_begin(&line, head);
    bool fine = rv_buf_add(&line.text, rv_buf_span(&text->text), err);
    rv_buf_clear(&text->text);
    fine = rv_fold_end(&c->sheet, &line, err) && fine;
    if (rv_text_starts(head, "item")) {
        snprintf(head, sizeof head, "item%u.X-ABLabel", c->items);
        fine = fine && rv_fold_line(&c->sheet, head, label, err);
    }
    return fine;
}

static bool put_list(struct cards *c, const json_t *record, const char *key, const char *name, struct rv_error *err)
{
    size_t i;
    json_t *value;
    json_array_foreach (json_object_get(record, key), i, value) {
        struct rv_folded text = { .text = RV_BUF(1 << 20) };
        const char *shown = *rv_get(value, "value") ? rv_get(value, "value")
                            : *rv_get(value, "url") ? rv_get(value, "url")
                                                    : rv_get(value, "username");
        if (strcmp(name, "URL") == 0)
            rv_fold_plain(&text, shown);
        else
            rv_fold_value(&text, strcmp(key, "dates") == 0 && strlen(shown) > 10 ? "" : shown);
        if (strcmp(key, "dates") == 0 && strlen(shown) > 10) {
            char day[11];
            snprintf(day, sizeof day, "%.10s", shown);
            rv_fold_value(&text, day);
        }
        if (!put_labelled(c, name, value, &text, err))
            return false;
    }
    return true;
}

static bool put_addresses(struct cards *c, const json_t *record, struct rv_error *err)
{
    static const char *const parts[] = { "street", "city", "state", "zip", "country" };
    size_t i;
    json_t *value;
    json_array_foreach (json_object_get(record, "addresses"), i, value) {
        struct rv_folded text = { .text = RV_BUF(1 << 20) };
        rv_fold_plain(&text, ";;");
        for (size_t k = 0; k < RV_COUNT(parts); k++) {
            rv_fold_plain(&text, k > 0 ? ";" : "");
            rv_fold_value(&text, rv_get(value, parts[k]));
        }
        if (!put_labelled(c, "ADR", value, &text, err))
            return false;
    }
    return true;
}

static bool put_name(struct cards *c, const json_t *record, struct rv_error *err)
{
    static const char *const parts[] = { "last", "first", "middle", "prefix", "suffix" };
    struct rv_folded line;
    rv_fold_begin(&line, "N");
    bool any = false;
    for (size_t i = 0; i < RV_COUNT(parts); i++) {
        rv_fold_plain(&line, i > 0 ? ";" : "");
        rv_fold_value(&line, rv_get(record, parts[i]));
        any = any || *rv_get(record, parts[i]) != '\0';
    }
    bool fine = rv_fold_end(&c->sheet, &line, err) &&
                rv_fold_line(&c->sheet, "FN", *rv_get(record, "name") ? rv_get(record, "name") : "(no name)", err);
    if (*rv_get(record, "organization") || *rv_get(record, "department")) {
        rv_fold_begin(&line, "ORG");
        rv_fold_value(&line, rv_get(record, "organization"));
        if (*rv_get(record, "department")) {
            rv_fold_plain(&line, ";");
            rv_fold_value(&line, rv_get(record, "department"));
        }
        fine = fine && rv_fold_end(&c->sheet, &line, err);
    }
    if (json_is_true(json_object_get(record, "is_organization")) || (!any && *rv_get(record, "organization")))
        fine = fine && rv_fold_line(&c->sheet, "X-ABShowAs", "COMPANY", err);
    return fine;
}

static bool put_birthday(struct cards *c, const json_t *record, struct rv_error *err)
{
    const char *day = rv_get(record, "birthday");
    char text[16];
    if (strncmp(day, "--", 2) != 0)
        return rv_fold_line(&c->sheet, "BDAY", day, err);
    if (c->four) { /* --04-01 -> --0401 */
        snprintf(text, sizeof text, "--%.2s%.2s", day + 2, strlen(day) >= 7 ? day + 5 : "");
        return rv_fold_line(&c->sheet, "BDAY", text, err);
    }
    snprintf(text, sizeof text, "1604-%.5s", day + 2);
    return rv_fold_line(&c->sheet, "BDAY;X-APPLE-OMIT-YEAR=1604", text, err);
}

static bool put_photo(struct cards *c, const json_t *record, struct rv_error *err)
{
    const char *data = rv_get(record, "photo_base64"), *kind = rv_get(record, "photo_kind");
    char head[64];
    struct rv_folded line;
    if (*data == '\0')
        return true;
    snprintf(head, sizeof head, c->four ? "PHOTO" : "PHOTO;ENCODING=b;TYPE=%s", kind);
    rv_fold_begin(&line, head);
    if (c->four)
        rv_fold_plain(&line, strcmp(kind, "PNG") == 0 ? "data:image/png;base64," : "data:image/jpeg;base64,");
    rv_fold_plain(&line, data);
    return rv_fold_end(&c->sheet, &line, err);
}

static bool put_groups(struct cards *c, const json_t *record, struct rv_error *err)
{
    const json_t *groups = json_object_get(record, "groups");
    struct rv_folded line;
    size_t i;
    json_t *one;
    if (json_array_size(groups) == 0)
        return true;
    rv_fold_begin(&line, "CATEGORIES");
    json_array_foreach ((json_t *)(uintptr_t)groups, i, one) {
        rv_fold_plain(&line, i > 0 ? "," : "");
        rv_fold_value(&line, json_string_value(one));
    }
    return rv_fold_end(&c->sheet, &line, err);
}

static bool put_card(struct cards *c, const json_t *record, struct rv_error *err)
{
    struct rv_sheet *s = &c->sheet;
    char how[160];
    c->items = 0;
    rv_record_state_words(record, how, sizeof how);
    return rv_sheet_put(s, err, "BEGIN:VCARD\r\nVERSION:%s\r\n", c->four ? "4.0" : "3.0") && put_name(c, record, err) &&
           rv_fold_line(s, "NICKNAME", rv_get(record, "nickname"), err) &&
           rv_fold_line(s, "TITLE", rv_get(record, "job"), err) &&
           rv_fold_line(s, "X-PHONETIC-FIRST-NAME", rv_get(record, "first_phonetic"), err) &&
           rv_fold_line(s, "X-PHONETIC-LAST-NAME", rv_get(record, "last_phonetic"), err) &&
           rv_fold_line(s, "X-MAIDENNAME", rv_get(record, "previous_name"), err) &&
           put_list(c, record, "phones", "TEL", err) && put_list(c, record, "emails", "EMAIL", err) &&
           put_addresses(c, record, err) && put_list(c, record, "urls", "URL", err) &&
           put_list(c, record, "messaging", "IMPP", err) && put_list(c, record, "social", "X-SOCIALPROFILE", err) &&
           put_list(c, record, "related", "X-ABRELATEDNAMES", err) && put_list(c, record, "dates", "X-ABDATE", err) &&
           put_list(c, record, "others", "X-REVIVE-OTHER", err) && put_birthday(c, record, err) &&
           rv_fold_line(s, "NOTE", rv_get(record, "note"), err) && put_groups(c, record, err) &&
           put_photo(c, record, err) && rv_fold_line(s, "UID", rv_get(record, "guid"), err) &&
           rv_fold_line(s, "X-REVIVE-STATE", how, err) && rv_sheet_add(s, err, "END:VCARD\r\n");
}

static bool write_card(struct rv_export *out, json_t *record, struct rv_error *err)
{
    struct cards *c = out->own;
    if (c == NULL) {
        char name[RV_NAME_MAX + 32];
        out->own = c = rv_alloc(sizeof *c);
        if (c == NULL)
            return rv_fail_nomem(err);
        c->four = strcmp(out->format, "vcard4") == 0;
        rv_export_name(out, "", out->job->artifact->type, ".vcf", name);
        if (!rv_sheet_open(out, &c->sheet, "", name, err))
            return false;
    }
    return put_card(c, record, err);
}

static bool end_cards(struct rv_export *out, struct rv_error *err)
{
    struct cards *c = out->own;
    return c == NULL || rv_sheet_close(out, &c->sheet, err);
}

static void clear_cards(struct rv_export *out)
{
    struct cards *c = out->own;
    if (c != NULL)
        rv_sheet_clear(&c->sheet);
    rv_free(c);
    out->own = NULL;
}

enum { PEOPLE = 1u << RV_SHAPE_PERSON };
const struct rv_writer rv_writer_vcard = { "vcard", PEOPLE, PEOPLE, write_card, end_cards, clear_cards };
const struct rv_writer rv_writer_vcard4 = { "vcard4", PEOPLE, 0, write_card, end_cards, clear_cards };
