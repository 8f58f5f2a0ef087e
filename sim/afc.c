/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.apple.afc over the folder "media" of the state. Header, little-endian: "CFA6LPAA", u64 entire length, u64 length
 * without bulk data, u64 packet number (the answer carries the same), u64 operation.
 * Source: libimobiledevice 1.3.0 src/afc.c and afc.h.
 *
 * No path leaves the folder: each is walked one component at a time, "..", links and empty names refused.
 */
#include "base/file.h"
#include "sim/apps.h"
#include "sim/service_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    HEAD = 40,
    BODY_MAX = 8 * 1024 * 1024,
    READ_MAX = 4 * 1024 * 1024,
    HANDLES = 64,
    DEPTH_MAX = 64,
    LIST_MAX = 1 << 24
};
enum afc_status {
    AFC_OK = 0,
    AFC_UNKNOWN = 1,
    AFC_UNKNOWN_PACKET = 6,
    AFC_BAD_ARGUMENT = 7,
    AFC_NOT_FOUND = 8,
    AFC_IS_DIRECTORY = 9,
    AFC_DENIED = 10,
    AFC_NOT_SUPPORTED = 15,
    AFC_EXISTS = 16,
    AFC_NO_SPACE = 18,
    AFC_WOULD_BLOCK = 19,
    AFC_IO = 20,
};
enum operation {
    OP_STATUS = 0x01,
    OP_DATA = 0x02,
    OP_READ_DIR = 0x03,
    OP_TRUNCATE = 0x07,
    OP_REMOVE = 0x08,
    OP_MAKE_DIR = 0x09,
    OP_INFO = 0x0a,
    OP_DEVICE_INFO = 0x0b,
    OP_OPEN = 0x0d,
    OP_OPEN_RESULT = 0x0e,
    OP_READ = 0x0f,
    OP_WRITE = 0x10,
    OP_SEEK = 0x11,
    OP_TELL = 0x12,
    OP_TELL_RESULT = 0x13,
    OP_CLOSE = 0x14,
    OP_SET_SIZE = 0x15,
    OP_RENAME = 0x18,
    OP_LOCK = 0x1b,
    OP_REMOVE_ALL = 0x22,
};

struct afc {
    struct sim_device *device;
    struct sim_wire *wire;
    int root;
    int handles[HANDLES]; /* handle n + 1; -1: free */
    uint64_t packet;
};

/* One request taken apart. */
struct call {
    struct rv_reader fixed; /* what stands between the header and the bulk data */
    struct rv_span bulk;
};

static uint64_t status_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return AFC_NOT_FOUND;
    case EISDIR:
        return AFC_IS_DIRECTORY;
    case EACCES:
    case EPERM:
    case ELOOP:
        return AFC_DENIED;
    case EEXIST:
        return AFC_EXISTS;
    case ENOSPC:
        return AFC_NO_SPACE;
    case EINVAL:
        return AFC_BAD_ARGUMENT;
    case ENOTEMPTY:
        return AFC_UNKNOWN; /* 1.3.0 makes "directory not empty" of it */
    default:
        return AFC_IO;
    }
}

/* ---- answers ---- */

static bool reply(struct afc *afc, enum operation operation, struct rv_span body)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) out = rv_blob_new(HEAD + body.len, &err);
    if (out == NULL)
        return false;
    memcpy(out->data, "CFA6LPAA", 8);
    rv_put_u64le(out->data + 8, out->len);
    rv_put_u64le(out->data + 16, operation == OP_DATA ? HEAD : out->len);
    rv_put_u64le(out->data + 24, afc->packet);
    rv_put_u64le(out->data + 32, operation);
    if (body.len > 0)
        memcpy(out->data + HEAD, body.ptr, body.len);
    return sim_wire_write(afc->wire, rv_blob_span(out));
}

static bool reply_number(struct afc *afc, enum operation operation, uint64_t number)
{
    uint8_t body[8];
    rv_put_u64le(body, number);
    return reply(afc, operation, rv_span(body, sizeof body));
}

static bool reply_status(struct afc *afc, uint64_t status)
{
    return reply_number(afc, OP_STATUS, status);
}

/* 0 or errno */
static bool reply_done(struct afc *afc, int error)
{
    return reply_status(afc, error == 0 ? AFC_OK : status_of(error));
}

/* ---- paths ---- */

/* The text up to its NUL (which must be there), or NULL. */
static const char *take_text(struct call *call)
{
    struct rv_span rest = rv_span_part(call->fixed.in, call->fixed.at, rv_reader_left(&call->fixed));
    const uint8_t *end = rest.len > 0 ? memchr(rest.ptr, 0, rest.len) : NULL;
    if (end == NULL)
        return NULL;
    rv_read_span(&call->fixed, (uint64_t)(end - rest.ptr) + 1);
    return (const char *)rest.ptr;
}

/* The next component of *path into name; false at the end or when it may not be used (then *error is set). */
static bool next_part(const char **path, char name[NAME_MAX + 1], int *error)
{
    *path += strspn(*path, "/");
    size_t len = strcspn(*path, "/");
    if (len == 0)
        return false;
    if (len > NAME_MAX || (len == 2 && memcmp(*path, "..", 2) == 0)) {
        *error = len > NAME_MAX ? EINVAL : EACCES;
        return false;
    }
    memcpy(name, *path, len);
    name[len] = '\0';
    *path += len;
    return true;
}

/* Opens the folder that holds the last component, which goes to leaf ("." for the root itself); -1 with *error. */
static int open_parent(struct afc *afc, const char *path, char leaf[NAME_MAX + 1], int *error)
{
    char name[NAME_MAX + 1] = ".";
    *error = 0;
    int at = openat(afc->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(leaf, NAME_MAX + 1, ".");
    for (int depth = 0; at >= 0 && next_part(&path, name, error); depth++) {
        int next = depth < DEPTH_MAX ? openat(at, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        *error = next < 0 ? (depth < DEPTH_MAX ? errno : EINVAL) : 0;
        close(at);
        at = next;
        memcpy(leaf, name, sizeof name);
    }
    if (at >= 0 && *error == 0)
        return at;
    if (at >= 0)
        close(at);
    else if (*error == 0)
        *error = errno;
    return -1;
}

/* ---- operations on paths ---- */

static bool read_dir(struct afc *afc, struct call *call)
{
    const char *path = take_text(call);
    char leaf[NAME_MAX + 1];
    int error = EINVAL;
    RV_AUTO_FD parent = path != NULL ? open_parent(afc, path, leaf, &error) : -1;
    if (parent < 0)
        return reply_done(afc, error);
    int fd = openat(parent, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL)
        return reply_done(afc, errno);
    RV_AUTO_CLEAR(rv_buf) names = RV_BUF(LIST_MAX);
    struct rv_error err = { 0 };
    bool good = true;
    for (const struct dirent *entry; good && (entry = readdir(dir)) != NULL;)
        good = rv_buf_add(&names, rv_span(entry->d_name, strlen(entry->d_name) + 1), &err);
    closedir(dir);
    return good ? reply(afc, OP_DATA, rv_buf_span(&names)) : reply_status(afc, AFC_IO);
}

static const char *format_of(mode_t mode)
{
    if (S_ISDIR(mode))
        return "S_IFDIR";
    if (S_ISLNK(mode))
        return "S_IFLNK";
    return "S_IFREG";
}

static bool add_field(struct rv_buf *out, const char *key, const char *value)
{
    struct rv_error err = { 0 };
    return rv_buf_add(out, rv_span(key, strlen(key) + 1), &err) &&
           rv_buf_add(out, rv_span(value, strlen(value) + 1), &err);
}

static bool add_number(struct rv_buf *out, const char *key, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    return add_field(out, key, text);
}

static bool file_info(struct afc *afc, struct call *call)
{
    const char *path = take_text(call);
    char leaf[NAME_MAX + 1];
    int error = EINVAL;
    RV_AUTO_FD parent = path != NULL ? open_parent(afc, path, leaf, &error) : -1;
    struct stat st;
    if (parent < 0)
        return reply_done(afc, error);
    if (fstatat(parent, leaf, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return reply_done(afc, errno);
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(4096);
    uint64_t nanoseconds = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
    bool good =
        add_number(&out, "st_size", (uint64_t)st.st_size) && add_number(&out, "st_blocks", (uint64_t)st.st_blocks) &&
        add_number(&out, "st_nlink", (uint64_t)st.st_nlink) && add_field(&out, "st_ifmt", format_of(st.st_mode)) &&
        add_number(&out, "st_mtime", nanoseconds) && add_number(&out, "st_birthtime", nanoseconds);
    return good ? reply(afc, OP_DATA, rv_buf_span(&out)) : reply_status(afc, AFC_IO);
}

static bool device_info(struct afc *afc, struct call *call)
{
    (void)call;
    struct statvfs fs;
    if (fstatvfs(afc->root, &fs) != 0)
        return reply_done(afc, errno);
    struct sim_identity identity;
    sim_device_identity(afc->device, &identity);
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(4096);
    bool good = add_field(&out, "Model", identity.product) &&
                add_number(&out, "FSTotalBytes", (uint64_t)fs.f_blocks * fs.f_frsize) &&
                add_number(&out, "FSFreeBytes", (uint64_t)fs.f_bavail * fs.f_frsize) &&
                add_number(&out, "FSBlockSize", fs.f_bsize);
    return good ? reply(afc, OP_DATA, rv_buf_span(&out)) : reply_status(afc, AFC_IO);
}

static int remove_leaf(int parent, const char *leaf)
{
    if (strcmp(leaf, ".") == 0)
        return EACCES;
    if (unlinkat(parent, leaf, 0) == 0)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return errno;
    return unlinkat(parent, leaf, AT_REMOVEDIR) == 0 ? 0 : errno;
}

static int empty_folder(int folder, int depth)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
    DIR *dir = copy >= 0 && depth < DEPTH_MAX ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        if (copy >= 0)
            close(copy);
        return EIO;
    }
    for (const struct dirent *entry; error == 0 && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        RV_AUTO_FD inner = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner >= 0)
            error = empty_folder(inner, depth + 1);
        if (error == 0)
            error = remove_leaf(folder, entry->d_name);
    }
    closedir(dir);
    return error;
}

static bool remove_path(struct afc *afc, struct call *call, bool contents)
{
    const char *path = take_text(call);
    char leaf[NAME_MAX + 1];
    int error = EINVAL;
    RV_AUTO_FD parent = path != NULL ? open_parent(afc, path, leaf, &error) : -1;
    if (parent < 0)
        return reply_done(afc, error);
    RV_AUTO_FD inner = contents ? openat(parent, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (inner >= 0)
        error = empty_folder(inner, 0);
    return reply_done(afc, error != 0 ? error : remove_leaf(parent, leaf));
}

/* Parents are made as well. */
static bool make_dir(struct afc *afc, struct call *call)
{
    const char *path = take_text(call);
    char name[NAME_MAX + 1];
    int error = path == NULL ? EINVAL : 0;
    int at = openat(afc->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int depth = 0; error == 0 && at >= 0 && next_part(&path, name, &error); depth++) {
        if (depth >= DEPTH_MAX || (mkdirat(at, name, 0755) != 0 && errno != EEXIST)) {
            error = depth >= DEPTH_MAX ? EINVAL : errno;
            break;
        }
        int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        error = next < 0 ? errno : 0;
        close(at);
        at = next;
    }
    if (at >= 0)
        close(at);
    return reply_done(afc, error);
}

static bool rename_path(struct afc *afc, struct call *call)
{
    const char *from = take_text(call), *to = from != NULL ? take_text(call) : NULL;
    char from_leaf[NAME_MAX + 1], to_leaf[NAME_MAX + 1];
    int error = EINVAL;
    RV_AUTO_FD from_parent = to != NULL ? open_parent(afc, from, from_leaf, &error) : -1;
    RV_AUTO_FD to_parent = from_parent >= 0 ? open_parent(afc, to, to_leaf, &error) : -1;
    if (to_parent < 0)
        return reply_done(afc, error);
    return reply_done(afc, renameat(from_parent, from_leaf, to_parent, to_leaf) == 0 ? 0 : errno);
}

/* ---- operations on handles ---- */

static int open_leaf(struct afc *afc, const char *path, int flags, int *error)
{
    char leaf[NAME_MAX + 1];
    RV_AUTO_FD parent = open_parent(afc, path, leaf, error);
    if (parent < 0)
        return -1;
    int fd = openat(parent, leaf, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
    struct stat st;
    *error = fd < 0 ? errno : 0;
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        *error = EISDIR;
        close(fd);
        return -1;
    }
    return fd;
}

static bool open_file(struct afc *afc, struct call *call)
{
    static const int flags[] = {
        [1] = O_RDONLY,
        [2] = O_RDWR | O_CREAT,
        [3] = O_WRONLY | O_CREAT | O_TRUNC,
        [4] = O_RDWR | O_CREAT | O_TRUNC,
        [5] = O_WRONLY | O_CREAT | O_APPEND,
        [6] = O_RDWR | O_CREAT | O_APPEND,
    };
    uint64_t mode = rv_read_u64le(&call->fixed);
    const char *path = take_text(call);
    if (path == NULL || mode == 0 || mode >= RV_COUNT(flags))
        return reply_status(afc, AFC_BAD_ARGUMENT);
    for (size_t i = 0; i < HANDLES; i++) {
        if (afc->handles[i] >= 0)
            continue;
        int error = 0;
        afc->handles[i] = open_leaf(afc, path, flags[mode], &error);
        return afc->handles[i] >= 0 ? reply_number(afc, OP_OPEN_RESULT, i + 1) : reply_done(afc, error);
    }
    return reply_status(afc, AFC_IO);
}

static int *handle_of(struct afc *afc, struct call *call)
{
    uint64_t handle = rv_read_u64le(&call->fixed);
    if (call->fixed.bad || handle == 0 || handle > HANDLES || afc->handles[handle - 1] < 0)
        return NULL;
    return &afc->handles[handle - 1];
}

static bool read_file(struct afc *afc, int *handle, struct call *call)
{
    uint64_t wanted = rv_read_u64le(&call->fixed);
    size_t room = wanted > READ_MAX ? READ_MAX : (size_t)wanted;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) out = rv_blob_new(room, &err);
    ssize_t n = out != NULL ? read(*handle, out->data, room) : -1;
    return n >= 0 ? reply(afc, OP_DATA, rv_span(out->data, (size_t)n)) : reply_status(afc, AFC_IO);
}

static bool write_file(struct afc *afc, int *handle, struct call *call)
{
    struct rv_error err = { 0 };
    if (rv_fd_write_all(*handle, call->bulk, &err))
        return reply_status(afc, AFC_OK);
    return reply_done(afc, err.sys != 0 ? err.sys : EIO);
}

static bool seek_file(struct afc *afc, int *handle, struct call *call)
{
    uint64_t whence = rv_read_u64le(&call->fixed);
    int64_t offset = (int64_t)rv_read_u64le(&call->fixed);
    if (call->fixed.bad || whence > 2)
        return reply_status(afc, AFC_BAD_ARGUMENT);
    return reply_done(afc, lseek(*handle, offset, (int)whence) >= 0 ? 0 : errno);
}

static bool close_file(struct afc *afc, int *handle)
{
    close(*handle);
    *handle = -1;
    return reply_status(afc, AFC_OK);
}

static bool set_size(struct afc *afc, int fd, uint64_t size)
{
    if (size > INT64_MAX)
        return reply_status(afc, AFC_BAD_ARGUMENT);
    return reply_done(afc, ftruncate(fd, (off_t)size) == 0 ? 0 : errno);
}

static bool truncate_path(struct afc *afc, struct call *call)
{
    uint64_t size = rv_read_u64le(&call->fixed);
    const char *path = take_text(call);
    int error = EINVAL;
    RV_AUTO_FD fd = path != NULL ? open_leaf(afc, path, O_WRONLY, &error) : -1;
    return fd >= 0 ? set_size(afc, fd, size) : reply_done(afc, error);
}

/* Shared 5, exclusive 6, none 12: flock's own numbers, never waiting. So only one program synchronises at a time. */
static bool lock_file(struct afc *afc, int fd, uint64_t operation)
{
    int kind = (int)operation & ~LOCK_NB;
    if (operation > 15 || (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN))
        return reply_status(afc, AFC_BAD_ARGUMENT);
    if (flock(fd, kind | LOCK_NB) == 0)
        return reply_status(afc, AFC_OK);
    return reply_status(afc, errno == EWOULDBLOCK ? AFC_WOULD_BLOCK : AFC_IO);
}

static bool on_handle(struct afc *afc, uint64_t operation, struct call *call)
{
    int *handle = handle_of(afc, call);
    if (handle == NULL)
        return reply_status(afc, AFC_BAD_ARGUMENT);
    switch (operation) {
    case OP_READ:
        return read_file(afc, handle, call);
    case OP_WRITE:
        return write_file(afc, handle, call);
    case OP_SEEK:
        return seek_file(afc, handle, call);
    case OP_TELL:
        return reply_number(afc, OP_TELL_RESULT, (uint64_t)lseek(*handle, 0, SEEK_CUR));
    case OP_SET_SIZE:
        return set_size(afc, *handle, rv_read_u64le(&call->fixed));
    case OP_LOCK:
        return lock_file(afc, *handle, rv_read_u64le(&call->fixed));
    default:
        return close_file(afc, handle);
    }
}

static bool dispatch(struct afc *afc, uint64_t operation, struct call *call)
{
    switch (operation) {
    case OP_READ_DIR:
        return read_dir(afc, call);
    case OP_INFO:
        return file_info(afc, call);
    case OP_DEVICE_INFO:
        return device_info(afc, call);
    case OP_REMOVE:
        return remove_path(afc, call, false);
    case OP_REMOVE_ALL:
        return remove_path(afc, call, true);
    case OP_MAKE_DIR:
        return make_dir(afc, call);
    case OP_RENAME:
        return rename_path(afc, call);
    case OP_TRUNCATE:
        return truncate_path(afc, call);
    case OP_OPEN:
        return open_file(afc, call);
    case OP_READ:
    case OP_WRITE:
    case OP_SEEK:
    case OP_TELL:
    case OP_SET_SIZE:
    case OP_LOCK:
    case OP_CLOSE:
        return on_handle(afc, operation, call);
    default:
        return reply_status(afc, AFC_NOT_SUPPORTED);
    }
}

static bool serve_one(struct afc *afc)
{
    uint8_t head[HEAD];
    if (!sim_wire_read(afc->wire, head, sizeof head, -1) || memcmp(head, "CFA6LPAA", 8) != 0)
        return false;
    struct rv_reader r = { .in = { head, sizeof head }, .at = 8 };
    uint64_t entire = rv_read_u64le(&r), without_bulk = rv_read_u64le(&r);
    afc->packet = rv_read_u64le(&r);
    uint64_t operation = rv_read_u64le(&r);
    if (without_bulk < HEAD || without_bulk > entire || entire > BODY_MAX)
        return false;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) body = rv_blob_new(entire - HEAD, &err);
    if (body == NULL || !sim_wire_read(afc->wire, body->data, body->len, -1))
        return false;
    struct call call = { .fixed = { .in = rv_span(body->data, without_bulk - HEAD) },
                         .bulk = rv_span(body->data + (without_bulk - HEAD), entire - without_bulk) };
    return dispatch(afc, operation, &call);
}

/* `folder` is one of the state; it is made when it is not there. */
static void serve_folder(struct sim_device *device, struct sim_wire *wire, const char *folder, const char *inside)
{
    char path[700];
    struct rv_error err = { 0 };
    (void)snprintf(path, sizeof path, "%s/%s%s", sim_state_dir(device), folder, inside);
    if (!rv_dir_make(path, &err))
        return;
    path[strlen(path) - strlen(inside)] = '\0';
    struct afc afc = { .device = device, .wire = wire, .root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
    for (size_t i = 0; i < HANDLES; i++)
        afc.handles[i] = -1;
    while (afc.root >= 0 && serve_one(&afc))
        continue;
    for (size_t i = 0; i < HANDLES; i++)
        if (afc.handles[i] >= 0)
            close(afc.handles[i]);
    if (afc.root >= 0)
        close(afc.root);
}

void sim_afc_serve(struct sim_device *device, struct sim_wire *wire)
{
    serve_folder(device, wire, "media", "/DCIM");
}

void sim_crash_copy_serve(struct sim_device *device, struct sim_wire *wire)
{
    serve_folder(device, wire, "crashes", "");
}

/* An app's Documents, for apps that are installed; then AFC on the same line. */
void sim_house_arrest_serve(struct sim_device *device, struct sim_wire *wire)
{
    char folder[300];
    plist_t ask = sim_wire_plist_read(wire, 1 << 16, -1), answer = plist_new_dict();
    const char *command = ask != NULL ? sim_plist_text(ask, "Command") : NULL;
    const char *bundle = ask != NULL ? sim_plist_text(ask, "Identifier") : NULL;
    bool known = false;
    for (size_t i = 0; bundle != NULL && sim_app(i) != NULL; i++)
        known = known || strcmp(sim_app(i)->bundle, bundle) == 0;
    bool good = known && command != NULL && strcmp(command, "VendDocuments") == 0;
    (void)snprintf(folder, sizeof folder, "documents/%.200s", good ? bundle : "");
    plist_dict_set_item(answer, good ? "Status" : "Error",
                        plist_new_string(good    ? "Complete"
                                         : known ? "InstallationLookupFailed"
                                                 : "ApplicationLookupFailed"));
    bool told = sim_wire_plist_write(wire, answer);
    plist_free(ask);
    plist_free(answer);
    if (good && told)
        serve_folder(device, wire, folder, "/Documents");
}
