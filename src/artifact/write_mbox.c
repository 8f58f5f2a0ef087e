/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation as a mailbox (mboxrd), for mail programs: each message a mail with its attachments inside. Addresses
 * are made up where there is only a number: "+4915100000001@phone.invalid", a name that no mail can be sent to
 * (RFC 2606).
 */
#include "artifact/writers.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ATTACHMENT_MAX = 16 << 20, LINE_MOST = 900, BASE64_LINE = 76, HEADER_MAX = 600, NAME_PIECE = 39 };
static const char boundary[] = "=_revive_part_of_a_message_=";

struct mailbox {
    struct rv_sheet sheet;
    char chat[300]; /* whose it is; "" none is open */
    bool late;      /* the one of what was found again */
};

/* "=?UTF-8?B?...?=" where a text is not plain; a piece never ends inside a character (RFC 2047). */
static bool put_words(struct rv_sheet *s, const char *text, struct rv_error *err)
{
    char clean[HEADER_MAX];
    bool plain = true;
    snprintf(clean, sizeof clean, "%s", text);
    rv_text_clean(clean);
    for (const char *c = clean; *c != '\0'; c++)
        plain = plain && (unsigned char)*c < 0x7F && strchr("\"<>()@,;:\\=?", *c) == NULL;
    if (plain)
        return rv_sheet_add(s, err, clean);
    bool fine = true;
    for (size_t at = 0, length = strlen(clean); fine && at < length;) {
        size_t n = length - at < NAME_PIECE ? length - at : NAME_PIECE;
        while (n > 1 && at + n < length && ((unsigned char)clean[at + n] & 0xC0) == 0x80)
            n--;
        RV_AUTO_TEXT coded = rv_text_base64(rv_span(clean + at, n));
        fine =
            coded != NULL ? rv_sheet_put(s, err, "%s=?UTF-8?B?%s?=", at > 0 ? "\n " : "", coded) : rv_fail_nomem(err);
        at += n;
    }
    return fine;
}

/* What is left of an address or an identity when only harmless letters stay. */
static void plain_token(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (; *text != '\0' && n + 1 < size && n < 120; text++)
        if ((*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
            strchr("+-._@", *text) != NULL)
            out[n++] = *text;
    out[n] = '\0';
}

static bool put_address(struct rv_sheet *s, const char *header, const char *name, const char *address,
                        struct rv_error *err)
{
    char token[160];
    plain_token(address, token, sizeof token);
    if (*token == '\0')
        snprintf(token, sizeof token, "unknown");
    const char *at = strchr(token, '@');
    bool whole = at != NULL && at != token && at[1] != '\0' && strchr(at + 1, '@') == NULL;
    return rv_sheet_put(s, err, "%s: ", header) && put_words(s, *name ? name : address, err) &&
           (whole ? rv_sheet_put(s, err, " <%s>\n", token)
                  : (rv_sheet_put(s, err, " <%.*s@phone.invalid>\n", (int)strcspn(token, "@"), token)));
}

static bool put_base64(struct rv_sheet *s, struct rv_span bytes, struct rv_error *err)
{
    RV_AUTO_TEXT coded = rv_text_base64(bytes);
    if (coded == NULL)
        return rv_fail_nomem(err);
    size_t left = strlen(coded);
    for (const char *at = coded; left > 0;) {
        size_t n = left < BASE64_LINE ? left : BASE64_LINE;
        if (!rv_buf_add(&s->text, rv_span(at, n), err) || !rv_sheet_add(s, err, "\n"))
            return false;
        at += n;
        left -= n;
    }
    return true;
}

/* Lines as they are, "From " and ">From " one ">" deeper; base64 when a line is too long for mail. */
static bool put_text(struct rv_sheet *s, const char *text, struct rv_error *err)
{
    bool long_line = false;
    for (const char *at = text; *at != '\0' && !long_line; at += strcspn(at, "\n"), at += *at == '\n')
        long_line = strcspn(at, "\n") > LINE_MOST;
    if (!rv_sheet_put(s, err, "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: %s\n\n",
                      long_line ? "base64" : "8bit"))
        return false;
    if (long_line)
        return put_base64(s, rv_span(text, strlen(text)), err);
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        bool quote = strncmp(text + strspn(text, ">"), "From ", 5) == 0;
        if ((quote && !rv_sheet_add(s, err, ">")) || !rv_buf_add(&s->text, rv_span(text, n), err) ||
            !rv_sheet_add(s, err, "\n"))
            return false;
        text += n + (text[n] == '\n');
    }
    return true;
}

static bool put_attachment(struct rv_export *out, struct rv_sheet *s, const json_t *media, struct rv_error *err)
{
    struct rv_source_file file = { 0 };
    struct rv_source *owner = NULL;
    struct rv_error gone = { 0 };
    char type[80], name[RV_NAME_MAX * 2];
    if (strcmp(rv_get(media, "state"), "present") != 0 ||
        !rv_source_find_media(out->job->source, rv_get(media, "domain"), rv_get(media, "path"), &file, &owner, &gone)) {
        out->counts.media_missing++;
        return true;
    }
    RV_AUTO(rv_blob) bytes = file.size <= ATTACHMENT_MAX ? rv_source_read(owner, &file, ATTACHMENT_MAX, &gone) : NULL;
    rv_source_file_clear(&file);
    if (bytes == NULL) {
        out->counts.media_missing++;
        if (gone.code == RV_OK)
            rv_job_note(out->job, "attachments of more than %d MB are not put into mailboxes", ATTACHMENT_MAX >> 20);
        return true;
    }
    plain_token(rv_get(media, "mime"), type, sizeof type); /* its slash is put back */
    const char *slash = strchr(rv_get(media, "mime"), '/');
    int head = slash != NULL ? (int)(slash - rv_get(media, "mime")) : 0;
    rv_path_safe_leaf(*rv_get(media, "name") ? rv_get(media, "name") : "attachment", name, RV_NAME_MAX);
    bool known = head > 0 && head < 20 && strlen(type) > (size_t)head;
    out->counts.media++;
    out->counts.media_bytes += bytes->len;
    return rv_sheet_put(s, err, "--%s\nContent-Type: %.*s%s%s\nContent-Transfer-Encoding: base64\n", boundary,
                        known ? head : 0, type, known ? "/" : "application/octet-stream", known ? type + head : "") &&
           rv_sheet_add(s, err, "Content-Disposition: attachment; filename=\"") && put_words(s, name, err) &&
           rv_sheet_add(s, err, "\"\n\n") && put_base64(s, rv_blob_span(bytes), err);
}

static bool put_dates(struct rv_sheet *s, const json_t *record, struct rv_error *err)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    double at = 0;
    struct tm tm = { .tm_mday = 1, .tm_year = 70 };
    rv_time_parse(rv_get(record, "date"), &at);
    time_t t = (time_t)at;
    gmtime_r(&t, &tm);
    return rv_sheet_put(s, err, "From - %s %s %2d %02d:%02d:%02d %d\n", days[tm.tm_wday], months[tm.tm_mon], tm.tm_mday,
                        tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year + 1900) &&
           rv_sheet_put(s, err, "Date: %s, %d %s %d %02d:%02d:%02d +0000\n", days[tm.tm_wday], tm.tm_mday,
                        months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool put_heads(struct rv_sheet *s, const json_t *record, struct rv_error *err)
{
    const json_t *chat = json_object_get(record, "chat");
    const char *title = *rv_get(chat, "name") ? rv_get(chat, "name") : rv_get(chat, "id");
    bool mine = json_is_true(json_object_get(record, "from_me"));
    char id[160], how[160];
    plain_token(rv_get(record, "guid"), id, sizeof id);
    rv_record_state_words(record, how, sizeof how);
    bool fine =
        put_dates(s, record, err) &&
        put_address(s, "From", mine ? "me" : rv_get(record, "from_name"), mine ? "me" : rv_get(record, "from"), err) &&
        put_address(s, "To", mine ? title : "me", mine ? rv_get(chat, "id") : "me", err) &&
        rv_sheet_add(s, err, "Subject: ") &&
        put_words(s, *rv_get(record, "subject") ? rv_get(record, "subject") : title, err) &&
        rv_sheet_add(s, err, "\nMIME-Version: 1.0\n") &&
        (*id == '\0' || rv_sheet_put(s, err, "Message-ID: <%s@messages.invalid>\n", id));
    plain_token(rv_get(record, "reply_to"), id, sizeof id);
    if (*id != '\0')
        fine = fine && rv_sheet_put(s, err, "In-Reply-To: <%s@messages.invalid>\n", id);
    return fine && (*how == '\0' || rv_sheet_put(s, err, "X-Revive-State: %s\n", how));
}

static bool put_mail(struct rv_export *out, struct rv_sheet *s, const json_t *record, struct rv_error *err)
{
    const json_t *list = json_object_get(record, "attachments");
    char text[4096];
    size_t i;
    json_t *one;
    rv_record_cell(record, "text", text, sizeof text); /* "(unsent a message)" and the like for one without words */
    const char *words = *rv_get(record, "text") ? rv_get(record, "text") : text;
    bool fine = put_heads(s, record, err);
    if (json_array_size(list) == 0)
        return fine && put_text(s, words, err) && rv_sheet_add(s, err, "\n");
    fine = fine &&
           rv_sheet_put(s, err, "Content-Type: multipart/mixed; boundary=\"%s\"\n\n--%s\n", boundary, boundary) &&
           put_text(s, words, err);
    json_array_foreach ((json_t *)(uintptr_t)list, i, one)
        fine = fine && put_attachment(out, s, one, err);
    return fine && rv_sheet_put(s, err, "--%s--\n\n", boundary);
}

static bool close_box(struct rv_export *out, struct mailbox *m, struct rv_error *err)
{
    bool fine = *m->chat == '\0' || rv_sheet_close(out, &m->sheet, err);
    *m->chat = '\0';
    return fine;
}

/* Records come conversation by conversation; those that were found again come after all, into a box of their own. */
static bool write_mail(struct rv_export *out, json_t *record, struct rv_error *err)
{
    const json_t *chat = json_object_get(record, "chat");
    struct mailbox *m = out->own;
    char id[300], name[RV_NAME_MAX + 32];
    bool late = rv_record_comes_late(record);
    if (m == NULL && (out->own = m = rv_alloc(sizeof *m)) == NULL)
        return rv_fail_nomem(err);
    snprintf(id, sizeof id, "%s", late ? "late" : *rv_get(chat, "id") ? rv_get(chat, "id") : "unknown");
    if (strcmp(m->chat, id) != 0 || m->late != late) {
        const char *title = late ? "Deleted, found again" : *rv_get(chat, "name") ? rv_get(chat, "name") : id;
        if (!close_box(out, m, err))
            return false;
        rv_export_name(out, out->job->artifact->type, title, ".mbox", name);
        if (!rv_sheet_open(out, &m->sheet, out->job->artifact->type, name, err))
            return false;
        snprintf(m->chat, sizeof m->chat, "%s", id);
        m->late = late;
    }
    return put_mail(out, &m->sheet, record, err);
}

static bool end_mail(struct rv_export *out, struct rv_error *err)
{
    return out->own == NULL || close_box(out, out->own, err);
}

static void clear_mail(struct rv_export *out)
{
    struct mailbox *m = out->own;
    if (m != NULL)
        rv_sheet_clear(&m->sheet);
    rv_free(m);
    out->own = NULL;
}

const struct rv_writer rv_writer_mbox = { "mbox", 1u << RV_SHAPE_CHAT, 0, write_mail, end_mail, clear_mail };
