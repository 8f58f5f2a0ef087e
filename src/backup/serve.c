/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device drives: it lists, sends and fetches files, moves and removes them, and at last answers the request. A path
 * that does not begin with the one folder, or leads out of it, is refused (backup/place.c).
 */
#include "backup/serve.h"

#include "backup/place.h"
#include "base/file.h"
#include "base/language.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    DRAIN_MAX = 256 << 20,
    TICK_MS = 1000,
    PASSCODE_SECONDS = 30 * 60,
    SILENT_SECONDS = 3,
    TELL_EVERY_MS = 100,
    UNREAD_TOLD = 20,
    READ_PIECE = 1 << 18,
    ITEMS_MAX = 4000000
};

/* ---- numbers ---- */

static int status_of(const struct rv_error *err)
{
    switch (err->code) {
    case RV_E_NOT_FOUND:
        return RV_MB2_NOT_FOUND;
    case RV_E_NOSPACE:
        return RV_MB2_NO_SPACE;
    case RV_E_DENIED:
        return RV_MB2_OTHER;
    default:
        return RV_MB2_IO;
    }
}

/* Source: public reports of MBErrorDomain; libimobiledevice issues 63, 438, 1155, 1582. */
static const struct {
    int number;
    enum rv_code code;
    enum rv_advice advice;
} refusals[] = {
    { 13, RV_E_DENIED, RV_ADVICE_UNLOCK },
    { 22, RV_E_DENIED, RV_ADVICE_NONE },
    { 105, RV_E_NOSPACE, RV_ADVICE_NONE },
    { 106, RV_E_REFUSED, RV_ADVICE_BACKUP_PHONE_FULL },
    { 202, RV_E_CANCELLED, RV_ADVICE_NONE },
    { 203, RV_E_CORRUPT, RV_ADVICE_BACKUP_NOT_COMPATIBLE },
    { 204, RV_E_CORRUPT, RV_ADVICE_BACKUP_UNFINISHED },
    { 205, RV_E_CORRUPT, RV_ADVICE_BACKUP_DAMAGED },
    { 207, RV_E_REFUSED, RV_ADVICE_BACKUP_PASSWORD_WRONG },
    { 208, RV_E_DENIED, RV_ADVICE_BACKUP_PASSCODE },
    { 211, RV_E_REFUSED, RV_ADVICE_BACKUP_FIND_MY },
    { 212, RV_E_REFUSED, RV_ADVICE_BACKUP_SETUP },
};

bool rv_backup_refused(int64_t code, const char *words, struct rv_error *err)
{
    rv_fail(err, RV_E_REFUSED, "the device answers %lld: %.120s", (long long)code,
            words != NULL ? words : "nothing more");
    for (size_t i = 0; i < RV_COUNT(refusals); i++) {
        if (refusals[i].number != code)
            continue;
        err->code = refusals[i].code;
        if (refusals[i].advice != RV_ADVICE_NONE)
            rv_advise(err, refusals[i].advice);
    }
    return false;
}

/* ---- paths ---- */

static bool is_ours(const struct rv_serving *s, const char *path)
{
    size_t len = strlen(s->name);
    return strncmp(path, s->name, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* A file of the top folder, by its name. */
static bool is_the(const struct rv_serving *s, const char *path, const char *leaf)
{
    size_t len = strlen(s->name);
    return is_ours(s, path) && path[len] == '/' && strcmp(path + len + 1, leaf) == 0;
}

static bool may_touch(const struct rv_serving *s, const char *path, bool write, struct rv_error *err)
{
    if (path == NULL || !is_ours(s, path))
        return rv_fail(err, RV_E_DENIED, "the device asks for '%.100s', which is not in its folder",
                       path != NULL ? path : "");
    if (write && s->read_only)
        return rv_fail(err, RV_E_DENIED, "the device wants to change a backup that is being restored");
    return rv_place_check(rv_span(path, strlen(path)), err);
}

static const char *text_at(plist_t array, uint32_t i)
{
    plist_t node = array != NULL && plist_get_node_type(array) == PLIST_ARRAY && i < plist_array_get_size(array)
                       ? plist_array_get_item(array, i)
                       : NULL;
    return node != NULL && plist_get_node_type(node) == PLIST_STRING ? plist_get_string_ptr(node, NULL) : NULL;
}

/* A disk that is full or fails is this computer's own trouble; what was asked for and is not there is none. */
static void note_trouble(struct rv_serving *s, const struct rv_error *why)
{
    if (s->trouble.code == RV_OK && why->sys != 0 && why->code != RV_E_NOT_FOUND)
        s->trouble = *why;
}

static bool answer(struct rv_serving *s, bool fine, const struct rv_error *why, struct rv_error *err)
{
    if (!fine)
        note_trouble(s, why);
    return rv_mb2_answer(s->link, fine ? RV_MB2_FINE : status_of(why), fine ? NULL : why->text[0], NULL, err);
}

/* ---- files that come ---- */

struct incoming {
    int folder, fd;
    char temporary[RV_PLACE_PART_MAX + 16];
    const char *leaf;
    struct rv_error why; /* of the first trouble: the stream is read on, so that it stays in step */
};

static void begin_file(struct rv_serving *s, const char *path, struct incoming *in)
{
    in->fd = in->folder = -1;
    if (!may_touch(s, path, true, &in->why))
        return;
    in->folder = rv_place_parent(s->root, path, true, &in->leaf, &in->why);
    if (in->folder < 0)
        return;
    /* What goes into Snapshot is on its way by its place already, and the device moves it when all is there. */
    bool staged = strstr(path, "/Snapshot/") != NULL;
    snprintf(in->temporary, sizeof in->temporary, staged ? "%.250s" : ".%.240s.part", in->leaf);
    static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    in->fd = openat(in->folder, in->temporary, flags, 0600);
    if (in->fd < 0 && errno == EEXIST) {
        snprintf(in->temporary, sizeof in->temporary, ".%.240s.part", in->leaf);
        unlinkat(in->folder, in->temporary, 0);
        in->fd = openat(in->folder, in->temporary, flags, 0600);
    }
    if (in->fd < 0)
        rv_fail_sys(&in->why, RV_E_IO, errno, "creating %.100s", path);
}

/*
 * A new Status.plist says that the device will not send again what came before it, whatever happens to this computer:
 * so all that is on the disk before the list gets its name.
 */
static void secure_before_status(struct rv_serving *s, struct incoming *in)
{
    bool status = strcmp(in->leaf, "Status.plist") == 0;
    if (status && s->unsecured > 0 && syncfs(in->folder) != 0)
        rv_fail_sys(&in->why, RV_E_IO, errno, "securing what came on the disk");
    s->unsecured = status ? 0 : s->unsecured + 1;
}

static void end_file(struct rv_serving *s, struct incoming *in, bool complete)
{
    if (in->fd >= 0 && close(in->fd) != 0 && in->why.code == RV_OK)
        rv_fail_sys(&in->why, RV_E_IO, errno, "finishing %.100s", in->leaf);
    bool whole = complete && in->why.code == RV_OK && in->folder >= 0;
    if (whole)
        secure_before_status(s, in);
    whole = whole && in->why.code == RV_OK;
    if (whole && strcmp(in->temporary, in->leaf) != 0 && renameat(in->folder, in->temporary, in->folder, in->leaf) != 0)
        rv_fail_sys(&in->why, RV_E_IO, errno, "giving %.100s its name", in->leaf);
    if (in->folder >= 0) {
        if (!whole || in->why.code != RV_OK)
            unlinkat(in->folder, in->temporary, 0);
        close(in->folder);
    }
    s->count.files_in += whole && in->why.code == RV_OK;
}

static bool take_data(struct rv_serving *s, struct incoming *in, uint32_t len, struct rv_error *err)
{
    while (len > 0) {
        struct rv_span part;
        if (!rv_mb2_read_some(s->link, len, &part, err))
            return false;
        len -= (uint32_t)part.len;
        s->count.bytes_in += part.len;
        if (in->fd >= 0 && in->why.code == RV_OK)
            (void)rv_fd_write_all(in->fd, part, &in->why);
        s->drained += in->why.code != RV_OK ? part.len : 0;
        if (s->drained > DRAIN_MAX) { /* read on to stay in step, but not for ever: a file may have no end */
            *err = in->why;
            return false;
        }
    }
    return true;
}

/* name: what the phone calls the file. */
static bool receive_file(struct rv_serving *s, const char *name, const char *path, struct rv_error *first,
                         struct rv_error *err)
{
    struct incoming in = { .why = { 0 } };
    uint8_t code = RV_MB2_DATA;
    uint32_t len;
    bool data = false;
    begin_file(s, path, &in);
    while (code == RV_MB2_DATA) {
        if (!rv_cancel_point(&s->ctx->cancel, err) || !rv_mb2_read_block(s->link, &code, &len, err)) {
            end_file(s, &in, false);
            return false;
        }
        data = data || code == RV_MB2_DATA;
        bool text = code != RV_MB2_DATA; /* words about an error, not content */
        struct incoming nowhere = { .fd = -1 };
        if (!take_data(s, text ? &nowhere : &in, len, err)) {
            end_file(s, &in, false);
            return false;
        }
    }
    /* 0x0B: the device could not read its own file to the end; what came is kept, as others do */
    if (code == RV_MB2_ERROR_REMOTE && s->unread++ < UNREAD_TOLD)
        rv_tell_warning(s->ctx, "The phone cannot read one of its own files: %.200s", name);
    end_file(s, &in, code == RV_MB2_SUCCESS || (code == RV_MB2_ERROR_REMOTE && data));
    if (first->code == RV_OK && in.why.code != RV_OK)
        *first = in.why;
    return true;
}

/* How much the files of a full backup are, as the device announced; else what the share that is done lets expect. */
static uint64_t expected(const struct rv_serving *s, uint64_t done, double percent)
{
    if (s->announced >= done && !s->in_parts)
        return s->announced;
    return percent >= 1 ? (uint64_t)((double)done * 100 / percent) : 0;
}

static void tell(struct rv_serving *s, double percent)
{
    uint64_t now = rv_clock_now(&s->ctx->clock), done = s->read_only ? s->count.bytes_out : s->count.bytes_in;
    if (s->told_ms != 0 && now - s->told_ms < TELL_EVERY_MS && percent < 100)
        return;
    s->told_ms = now;
    rv_tell(s->ctx, &(struct rv_event){ .kind = RV_EVENT_PROGRESS,
                                        .step = s->read_only ? "restore" : "backup",
                                        .unit = "bytes",
                                        .done = done,
                                        .total = expected(s, done, percent),
                                        .percent = percent });
}

static double percent_of(plist_t message, uint32_t at)
{
    double value = -1;
    plist_t node = at < plist_array_get_size(message) ? plist_array_get_item(message, at) : NULL;
    if (node != NULL && plist_get_node_type(node) == PLIST_REAL)
        plist_get_real_val(node, &value);
    return value > 0 && value <= 100 ? value : -1;
}

static bool do_upload(struct rv_serving *s, plist_t message, struct rv_error *err)
{
    char name[RV_MB2_PATH_MAX + 1], path[RV_MB2_PATH_MAX + 1];
    struct rv_error first = { 0 };
    double percent = percent_of(message, 2);
    plist_t total = plist_array_get_item(message, 3);
    if (total != NULL && plist_get_node_type(total) == PLIST_UINT)
        plist_get_uint_val(total, &s->announced);
    for (;;) {
        if (!rv_mb2_read_path(s->link, name, err))
            return false;
        if (name[0] == '\0')
            break;
        if (!rv_mb2_read_path(s->link, path, err) || !receive_file(s, name, path, &first, err))
            return false;
        tell(s, percent);
    }
    return answer(s, first.code == RV_OK, &first, err);
}

/* ---- files that go ---- */

static bool send_content(struct rv_serving *s, int fd, struct rv_error *why, struct rv_error *err)
{
    RV_AUTO(rv_blob) piece = rv_blob_new(READ_PIECE, err);
    if (piece == NULL)
        return false;
    for (;;) {
        ssize_t n = read(fd, piece->data, piece->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rv_fail_sys(why, RV_E_IO, errno, "reading a file of the backup") || true;
        if (n == 0)
            return true;
        s->count.bytes_out += (uint64_t)n;
        if (!rv_cancel_point(&s->ctx->cancel, err) ||
            !rv_mb2_send_block(s->link, RV_MB2_DATA, rv_span(piece->data, (size_t)n), err))
            return false;
    }
}

static bool send_file(struct rv_serving *s, const char *path, plist_t failures, struct rv_error *err)
{
    struct rv_error why = { 0 };
    bool may = may_touch(s, path, false, &why), other = may && s->instead != NULL && is_the(s, path, s->instead);
    RV_AUTO_FD fd = !may    ? -1
                    : other ? rv_place_open(s->instead_root, s->instead, O_RDONLY, &why)
                            : rv_place_open(s->root, path, O_RDONLY | O_NONBLOCK, &why);
    if (!rv_mb2_send_path(s->link, path, err) || (fd >= 0 && !send_content(s, fd, &why, err)))
        return false;
    if (why.code == RV_OK) {
        s->count.files_out++;
        return rv_mb2_send_block(s->link, RV_MB2_SUCCESS, rv_span(NULL, 0), err);
    }
    note_trouble(s, &why);
    plist_t one = plist_new_dict();
    plist_dict_set_item(one, "DLFileErrorString", plist_new_string(why.text[0]));
    plist_dict_set_item(one, "DLFileErrorCode", plist_new_uint((uint64_t)(int64_t)status_of(&why)));
    plist_dict_set_item(failures, path, one);
    return rv_mb2_send_block(s->link, RV_MB2_ERROR_LOCAL, rv_span(why.text[0], strlen(why.text[0])), err);
}

static bool do_download(struct rv_serving *s, plist_t message, struct rv_error *err)
{
    plist_t paths = plist_array_get_item(message, 1), failures = plist_new_dict();
    bool list = paths != NULL && plist_get_node_type(paths) == PLIST_ARRAY, fine = true;
    for (uint32_t i = 0; fine && list && i < plist_array_get_size(paths); i++) {
        const char *path = text_at(paths, i);
        fine = path == NULL || strlen(path) > RV_MB2_PATH_MAX || send_file(s, path, failures, err);
    }
    tell(s, percent_of(message, 3));
    fine = fine && rv_mb2_send_end(s->link, err);
    if (!fine) {
        plist_free(failures);
        return false;
    }
    bool all = plist_dict_get_size(failures) == 0;
    return rv_mb2_answer(s->link, all ? RV_MB2_FINE : RV_MB2_MANY, all ? NULL : "Multi status", failures, err);
}

/* ---- folders ---- */

static bool list_entry(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    plist_t list = context, one = plist_new_dict();
    const char *type = S_ISDIR(st->st_mode)   ? "DLFileTypeDirectory"
                       : S_ISREG(st->st_mode) ? "DLFileTypeRegular"
                                              : "DLFileTypeUnknown";
    (void)err;
    plist_dict_set_item(one, "DLFileType", plist_new_string(type));
    plist_dict_set_item(one, "DLFileSize", plist_new_uint(S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0));
    plist_dict_set_item(one, "DLFileModificationDate", plist_new_date((int32_t)(st->st_mtim.tv_sec - 978307200), 0));
    plist_dict_set_item(list, name, one);
    return true;
}

static bool do_list(struct rv_serving *s, plist_t message, struct rv_error *err)
{
    const char *path = text_at(message, 1);
    struct rv_error why = { 0 };
    plist_t list = plist_new_dict();
    bool fine = may_touch(s, path, false, &why) && rv_place_each(s->root, path, list_entry, list, &why);
    if (!fine)
        note_trouble(s, &why);
    return rv_mb2_answer(s->link, fine || why.code == RV_E_NOT_FOUND ? RV_MB2_FINE : status_of(&why),
                         fine || why.code == RV_E_NOT_FOUND ? NULL : why.text[0], list, err);
}

static bool do_folder(struct rv_serving *s, plist_t message, struct rv_error *err)
{
    const char *path = text_at(message, 1);
    struct rv_error why = { 0 };
    return answer(s, may_touch(s, path, true, &why) && rv_place_folder(s->root, path, &why), &why, err);
}

static bool do_space(struct rv_serving *s, plist_t message, struct rv_error *err)
{
    struct statvfs vfs;
    (void)message;
    uint64_t free_bytes = fstatvfs(s->root, &vfs) == 0 ? (uint64_t)vfs.f_bavail * vfs.f_frsize : 0;
    return rv_mb2_answer(s->link, RV_MB2_FINE, NULL, plist_new_uint(free_bytes), err);
}

static bool do_purge(struct rv_serving *s, plist_t message, struct rv_error *err)
{
    (void)message;
    return rv_mb2_answer(s->link, RV_MB2_OTHER, "Operation not supported", NULL, err);
}

static bool do_move(struct rv_serving *s, plist_t message, struct rv_error *err)
{
    struct rv_error why = { 0 };
    struct rv_plist_walk w = { .dict = plist_array_get_item(message, 1) };
    bool fine = w.dict != NULL && plist_get_node_type(w.dict) == PLIST_DICT;
    while (fine && rv_plist_walk(&w)) {
        const char *to = plist_get_node_type(w.value) == PLIST_STRING ? plist_get_string_ptr(w.value, NULL) : NULL;
        fine =
            may_touch(s, w.key, true, &why) && may_touch(s, to, true, &why) && rv_place_move(s->root, w.key, to, &why);
    }
    rv_plist_walk_clear(&w);
    tell(s, percent_of(message, 3));
    return answer(s, fine, &why, err);
}

static bool do_remove(struct rv_serving *s, plist_t message, struct rv_error *err)
{
    struct rv_error why = { 0 };
    plist_t paths = plist_array_get_item(message, 1);
    bool fine = paths != NULL && plist_get_node_type(paths) == PLIST_ARRAY;
    for (uint32_t i = 0; fine && i < plist_array_get_size(paths); i++) {
        const char *path = text_at(paths, i);
        fine = may_touch(s, path, true, &why) && rv_place_remove(s->root, path, &why);
    }
    tell(s, percent_of(message, 3));
    return answer(s, fine, &why, err);
}

static bool do_copy(struct rv_serving *s, plist_t message, struct rv_error *err)
{
    const char *from = text_at(message, 1), *to = text_at(message, 2);
    struct rv_error why = { 0 };
    return answer(s,
                  may_touch(s, from, false, &why) && may_touch(s, to, true, &why) &&
                      rv_place_copy(s->root, from, s->root, to, &why),
                  &why, err);
}

static const struct {
    const char *name;
    bool (*run)(struct rv_serving *s, plist_t message, struct rv_error *err);
} operations[] = {
    { "DLContentsOfDirectory", do_list },      { "DLMessageCopyItem", do_copy },
    { "DLMessageCreateDirectory", do_folder }, { "DLMessageDownloadFiles", do_download },
    { "DLMessageGetFreeDiskSpace", do_space }, { "DLMessageMoveFiles", do_move },
    { "DLMessageMoveItems", do_move },         { "DLMessagePurgeDiskSpace", do_purge },
    { "DLMessageRemoveFiles", do_remove },     { "DLMessageRemoveItems", do_remove },
    { "DLMessageUploadFiles", do_upload },
};

/* ---- the conversation ---- */

/* The phone tells when its question comes and goes; one that does not is taken to ask when it is silent at first. */
static void tell_of_passcode(struct rv_serving *s, bool silent)
{
    bool heard = false, asks = s->sync != NULL && rv_sync_asks_passcode(s->sync, &heard);
    uint64_t now = rv_clock_now(&s->ctx->clock);
    asks = asks || (!heard && silent && s->may_ask_passcode);
    if (asks && s->asked_ms == 0)
        rv_tell_note(s->ctx,
                     "Look at the phone: it asks for its passcode before it gives anything away. It waits 30 minutes.");
    s->asked_ms = !asks ? 0 : s->asked_ms != 0 ? s->asked_ms : now;
    if (asks)
        rv_tell(s->ctx, &(struct rv_event){ .kind = RV_EVENT_PROGRESS,
                                            .step = "passcode",
                                            .text = N_("Waiting for the passcode on the phone"),
                                            .unit = "seconds",
                                            .done = (now - s->asked_ms) / 1000,
                                            .total = PASSCODE_SECONDS,
                                            .percent = -1 });
}

/* The device may be silent for long: it waits for its passcode, or looks through its files. */
static plist_t next_message(struct rv_serving *s, bool first, struct rv_error *err)
{
    for (unsigned waited = 0; waited < PASSCODE_SECONDS; waited++) {
        struct rv_error why = { 0 };
        plist_t message = rv_mb2_receive(s->link, TICK_MS, &why);
        if (message != NULL)
            return message;
        if (why.code != RV_E_TIMEOUT) {
            *err = why;
            return NULL;
        }
        if (!rv_cancel_point(&s->ctx->cancel, err))
            return NULL;
        tell_of_passcode(s, first && waited >= SILENT_SECONDS);
    }
    rv_fail(err, RV_E_TIMEOUT, "the device was silent for %d minutes", PASSCODE_SECONDS / 60);
    return NULL;
}

/* Numbers with which a device answers that the host could not read or write. Source: public reports; see above. */
static bool is_of_the_host(int64_t code)
{
    return code == 2 || (code >= 100 && code <= 105) || code == 205;
}

static bool take_response(struct rv_serving *s, plist_t message, struct rv_error *err)
{
    plist_t dict = plist_array_get_item(message, 1);
    int64_t code = -1;
    if (rv_plist_int(dict, "ErrorCode", &code) && code == 0)
        return true;
    if (s->trouble.code == RV_OK || !is_of_the_host(code))
        return rv_backup_refused(code, rv_plist_text(dict, "ErrorDescription"), err);
    *err = s->trouble;
    return rv_while(err, "serving the device, which then answered %lld", (long long)code);
}

static bool serve(struct rv_serving *s, plist_t request, struct rv_error *err)
{
    bool first = true;
    s->asked = true;
    if (!rv_mb2_request(s->link, request, err))
        return false;
    for (;; first = false) {
        RV_AUTO_PLIST message = next_message(s, first, err);
        if (message == NULL)
            return false;
        const char *name = rv_mb2_name(message);
        if (strcmp(name, "DLMessageProcessMessage") == 0)
            return take_response(s, message, err);
        if (strcmp(name, "DLMessageDisconnect") == 0)
            return rv_fail(err, RV_E_GONE, "the device ended the conversation without an answer");
        size_t i = 0;
        while (i < RV_COUNT(operations) && strcmp(operations[i].name, name) != 0)
            i++;
        bool fine = i < RV_COUNT(operations)
                        ? operations[i].run(s, message, err)
                        : rv_mb2_answer(s->link, RV_MB2_OTHER, "Operation not supported", NULL, err);
        if (!fine)
            return rv_while(err, "at the device's request %.60s", name);
    }
}

bool rv_backup_serve(struct rv_serving *s, plist_t request, struct rv_error *err)
{
    if (s->sync == NULL)
        return serve(s, request, err);
    struct rv_error why = { 0 };
    rv_sync_guard(s->sync, s->link);
    bool fine = serve(s, request, &why);
    rv_sync_release(s->sync);
    if (!fine && rv_sync_cancelled(s->sync))
        return rv_fail(err, RV_E_CANCELLED, "it was cancelled on the phone");
    if (!fine)
        *err = why;
    return fine;
}
