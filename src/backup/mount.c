/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers to the kernel: nodes of the tree are its inodes. Nothing can be written, no device and no program of it
 * is used as such, and what was a link on the phone is a text here: a link of a backup never leads a program of this
 * computer anywhere.
 */
#include "backup/mount.h"

#include "backup/place.h"
#include "backup/tree.h"
#include "backup/view.h"
#include "base/file.h"
#include "base/program.h"

#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WARNINGS_MAX = 20, ENTRY_ROOM = 1024, BLOCK = 512, READ_MAX = 1 << 20, LIST_MAX = 1 << 18 };
static const double for_ever = 86400; /* seconds: what is mounted does not change */

/* A file that a program has open. */
struct handle {
    struct handle *before, *after;
    struct rv_backup_view *view; /* NULL: a link */
};

struct mount {
    struct rv_backup *b;
    struct rv_tree *tree;
    struct rv_mounted *out;
    struct rv_mbfile file; /* room for a row */
    uint8_t *room;         /* one answer */
    struct fuse_session *session;
    struct handle *handles;
    bool made; /* the folder is ours */
};

/* ---- nodes ---- */

static bool node_of(const struct mount *m, fuse_ino_t inode, uint32_t *node)
{
    *node = (uint32_t)(inode - FUSE_ROOT_ID);
    return inode >= FUSE_ROOT_ID && inode - FUSE_ROOT_ID < m->tree->count;
}

static void warn(struct mount *m, uint32_t node, const struct rv_error *why)
{
    if (m->out->unreadable++ < WARNINGS_MAX)
        rv_tell_warning(m->b->ctx, "%s cannot be read: %s", rv_tree_name(m->tree, node), why->text[0]);
}

static struct rv_backup_view *view_of(struct mount *m, uint32_t node, struct rv_error *err)
{
    struct rv_backup_row row = rv_tree_row(m->tree, node, &m->file);
    return rv_backup_view_open(m->b, &row, err);
}

/* The record may be wrong about the size: what reading will give counts, once somebody asks. */
static void settle_size(struct mount *m, uint32_t node)
{
    struct rv_tree_node *n = &m->tree->nodes[node];
    struct rv_error none = { 0 };
    if (n->sized || n->kind != RV_MBFILE_FILE)
        return;
    RV_AUTO(rv_backup_view) view = view_of(m, node, &none);
    if (view != NULL)
        n->size = rv_backup_view_size(view);
    n->sized = true;
}

static struct stat stat_of(struct mount *m, uint32_t node)
{
    settle_size(m, node);
    const struct rv_tree_node *n = &m->tree->nodes[node];
    bool folder = n->kind == RV_MBFILE_DIRECTORY;
    struct stat st = { .st_ino = node + FUSE_ROOT_ID,
                       .st_mode = (folder ? S_IFDIR : S_IFREG) | n->mode,
                       .st_nlink = folder ? 2 : 1,
                       .st_uid = getuid(),
                       .st_gid = getgid(),
                       .st_size = (off_t)n->size,
                       .st_blocks = (blkcnt_t)((n->size + BLOCK - 1) / BLOCK),
                       .st_mtim.tv_sec = n->modified,
                       .st_ctim.tv_sec = n->modified,
                       .st_atim.tv_sec = n->modified };
    return st;
}

/* ---- answers ---- */

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct mount *m = fuse_req_userdata(req);
    struct fuse_entry_param entry = { .attr_timeout = for_ever, .entry_timeout = for_ever };
    uint32_t folder, node = RV_TREE_NONE;
    if (node_of(m, parent, &folder))
        node = rv_tree_find(m->tree, folder, name);
    if (node != RV_TREE_NONE) {
        entry.ino = node + FUSE_ROOT_ID;
        entry.attr = stat_of(m, node);
    }
    fuse_reply_entry(req, &entry); /* inode 0: there is no such name, and the kernel may remember that */
}

static void on_getattr(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info)
{
    struct mount *m = fuse_req_userdata(req);
    uint32_t node;
    (void)info;
    if (!node_of(m, inode, &node)) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    struct stat st = stat_of(m, node);
    fuse_reply_attr(req, &st, for_ever);
}

/* An offset of a listing says what comes next: 0 ".", 1 "..", 2 the end, else a node + 3. */
static void on_readdir(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset, struct fuse_file_info *info)
{
    struct mount *m = fuse_req_userdata(req);
    uint32_t node;
    size_t used = 0;
    uint64_t next = (uint64_t)offset;
    (void)info;
    if (!node_of(m, inode, &node) || (next > 2 && next - 3 >= m->tree->count)) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    size = size < LIST_MAX ? size : LIST_MAX;
    while (next != 2) {
        uint32_t here = next > 2 ? (uint32_t)(next - 3) : node;
        const struct rv_tree_node *n = &m->tree->nodes[here];
        uint32_t after = next > 2 ? n->next : n->child;
        uint64_t then = next == 0 ? 1 : after == RV_TREE_NONE ? 2 : (uint64_t)after + 3;
        const char *name = next == 0 ? "." : next == 1 ? ".." : rv_tree_name(m->tree, here);
        struct stat st = { .st_ino = here + FUSE_ROOT_ID,
                           .st_mode = n->kind == RV_MBFILE_DIRECTORY ? S_IFDIR : S_IFREG };
        size_t len = fuse_add_direntry(req, (char *)m->room + used, size - used, name, &st, (off_t)then);
        if (len > size - used)
            break;
        used += len;
        next = then;
    }
    fuse_reply_buf(req, (const char *)m->room, used);
}

static struct handle *handle_of(const struct fuse_file_info *info)
{
    return (struct handle *)(uintptr_t)info->fh;
}

static void shut(struct mount *m, struct handle *h)
{
    *(h->before != NULL ? &h->before->after : &m->handles) = h->after;
    if (h->after != NULL)
        h->after->before = h->before;
    rv_backup_view_free(h->view);
    rv_free(h);
}

static struct handle *open_node(struct mount *m, uint32_t node, struct rv_error *err)
{
    struct handle *h = rv_alloc(sizeof *h);
    if (h == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    h->after = m->handles;
    if (h->after != NULL)
        h->after->before = h;
    m->handles = h;
    if (m->tree->nodes[node].kind != RV_MBFILE_FILE)
        return h;
    h->view = view_of(m, node, err);
    if (h->view != NULL)
        return h;
    shut(m, h);
    return NULL;
}

static void on_open(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info)
{
    struct mount *m = fuse_req_userdata(req);
    struct rv_error why = { 0 };
    uint32_t node;
    if (!node_of(m, inode, &node) || m->tree->nodes[node].kind == RV_MBFILE_DIRECTORY) {
        fuse_reply_err(req, EISDIR);
        return;
    }
    if ((info->flags & O_ACCMODE) != O_RDONLY) {
        fuse_reply_err(req, EROFS);
        return;
    }
    struct handle *h = open_node(m, node, &why);
    if (h == NULL) {
        warn(m, node, &why);
        fuse_reply_err(req, EIO);
        return;
    }
    info->fh = (uint64_t)(uintptr_t)h;
    info->keep_cache = 1;
    if (fuse_reply_open(req, info) != 0)
        shut(m, h);
}

static void read_link(fuse_req_t req, const struct mount *m, uint32_t node, size_t size, off_t offset)
{
    const struct rv_tree_node *n = &m->tree->nodes[node];
    size_t at = (uint64_t)offset < n->value_size ? (size_t)offset : n->value_size, left = n->value_size - at;
    fuse_reply_buf(req, (const char *)m->tree->text.data + n->value + at, size < left ? size : left);
}

static void on_read(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset, struct fuse_file_info *info)
{
    struct mount *m = fuse_req_userdata(req);
    const struct handle *h = handle_of(info);
    struct rv_error why = { 0 };
    uint32_t node;
    size_t got;
    if (!node_of(m, inode, &node)) {
        fuse_reply_err(req, EBADF);
        return;
    }
    size = size < READ_MAX ? size : READ_MAX;
    if (h->view == NULL) {
        read_link(req, m, node, size, offset);
        return;
    }
    if (!rv_backup_view_read(h->view, (uint64_t)offset, m->room, size, &got, &why)) {
        warn(m, node, &why);
        fuse_reply_err(req, EIO);
        return;
    }
    m->out->read += got;
    fuse_reply_buf(req, (const char *)m->room, got);
}

static void on_release(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *info)
{
    (void)inode;
    shut(fuse_req_userdata(req), handle_of(info));
    fuse_reply_err(req, 0);
}

static void on_statfs(fuse_req_t req, fuse_ino_t inode)
{
    struct mount *m = fuse_req_userdata(req);
    (void)inode;
    struct statvfs st = { .f_bsize = 4096,
                          .f_frsize = 4096,
                          .f_blocks = m->tree->bytes / 4096,
                          .f_files = m->tree->count,
                          .f_namemax = RV_PLACE_PART_MAX };
    fuse_reply_statfs(req, &st);
}

static const struct fuse_lowlevel_ops answers = {
    .lookup = on_lookup,
    .getattr = on_getattr,
    .readdir = on_readdir,
    .open = on_open,
    .read = on_read,
    .release = on_release,
    .statfs = on_statfs,
};

/* ---- the folder it is shown in ---- */

static bool no_entry(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    (void)st;
    return rv_fail(err, RV_E_USAGE, "the folder %s is not empty: it holds %.60s", (const char *)context, name);
}

/* Nothing is made in the folder that is only to be read. */
static bool is_in_backup(const struct mount *m, const char *at)
{
    RV_AUTO_TEXT there = realpath(at, NULL);
    RV_AUTO_TEXT own = realpath(m->b->path, NULL);
    size_t len = own != NULL ? strlen(own) : 0;
    return there != NULL && len > 0 && strncmp(there, own, len) == 0 && (there[len] == '/' || there[len] == '\0');
}

static bool prepare_folder(struct mount *m, const char *at, struct rv_error *err)
{
    struct stat st;
    bool missing = stat(at, &st) != 0;
    if (missing && errno == ENOTCONN) {
        rv_fail(err, RV_E_BUSY, "in %s a backup is still shown by a program that is gone", at);
        return rv_advise(err, RV_ADVICE_MOUNT_PLACE);
    }
    if (missing && !rv_dir_make(at, err))
        return rv_while(err, "making the folder in which the backup is shown");
    m->made = missing;
    if (is_in_backup(m, at)) {
        rv_fail(err, RV_E_USAGE, "the folder %s is inside of the backup", at);
        return rv_advise(err, RV_ADVICE_MOUNT_PLACE);
    }
    RV_AUTO_FD dir = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %s", at);
    return rv_place_each(dir, ".", no_entry, (void *)(uintptr_t)at, err) || rv_advise(err, RV_ADVICE_MOUNT_PLACE);
}

static bool can_mount(struct rv_error *err)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    bool fine = fd >= 0 || rv_fail_sys(err, errno == ENOENT ? RV_E_UNSUPPORTED : RV_E_IO, errno, "opening /dev/fuse");
    if (fd >= 0)
        close(fd);
    if (fine && geteuid() != 0) { /* only root mounts without it */
        struct rv_error why = { 0 };
        RV_AUTO_TEXT program = rv_program_find("fusermount3", &why);
        fine = program != NULL || rv_fail(err, RV_E_UNSUPPORTED, "the program fusermount3 is not installed");
    }
    return fine || rv_advise(err, RV_ADVICE_MOUNT_NOT_HERE);
}

static void say_nothing(enum fuse_log_level level, const char *fmt, va_list args)
{
    (void)level;
    (void)fmt;
    (void)args;
}

static bool begin(struct mount *m, const char *at, struct rv_error *err)
{
    char name[] = "revive", options[] = "-oro,nosuid,nodev,noexec,fsname=revive,subtype=revive";
    char *words[] = { name, options, NULL };
    struct fuse_args args = FUSE_ARGS_INIT(2, words);
    fuse_set_log_func(say_nothing); /* what fails is said by the error */
    m->session = fuse_session_new(&args, &answers, sizeof answers, m);
    fuse_opt_free_args(&args);
    if (m->session == NULL)
        return rv_fail(err, RV_E_IO, "FUSE cannot begin");
    errno = 0;
    if (fuse_session_mount(m->session, at) == 0)
        return true;
    int why = errno != 0 ? errno : EIO;
    fuse_session_destroy(m->session);
    m->session = NULL;
    rv_fail_sys(err, RV_E_IO, why, "showing the backup in %s", at);
    return rv_advise(err, RV_ADVICE_MOUNT_NOT_HERE);
}

static bool answer_until_the_end(struct mount *m, struct rv_error *err)
{
    struct fuse_buf buf = { .mem = NULL };
    bool fine = true;
    while (!fuse_session_exited(m->session)) {
        struct pollfd watch[2] = { { .fd = fuse_session_fd(m->session), .events = POLLIN },
                                   { .fd = rv_cancel_fd(&m->b->ctx->cancel), .events = POLLIN } };
        if (poll(watch, 2, -1) < 0 && errno != EINTR) {
            fine = rv_fail_sys(err, RV_E_IO, errno, "waiting for the kernel");
            break;
        }
        if (rv_cancel_asked(&m->b->ctx->cancel))
            break;
        if (watch[0].revents == 0)
            continue;
        int got = fuse_session_receive_buf(m->session, &buf);
        if (got == -EINTR || got == -EAGAIN)
            continue;
        if (got <= 0) /* unmounted from outside */
            break;
        fuse_session_process_buf(m->session, &buf);
    }
    free(buf.mem);
    return fine;
}

static void end(struct mount *m, const char *at)
{
    if (m->session != NULL) {
        fuse_session_unmount(m->session);
        fuse_session_destroy(m->session);
    }
    while (m->handles != NULL)
        shut(m, m->handles);
    if (m->made)
        rmdir(at);
    rv_free(m->room);
    rv_tree_free(m->tree);
}

bool rv_backup_mount(struct rv_backup *b, const char *at, struct rv_mounted *out, struct rv_error *err)
{
    struct mount *m = rv_alloc(sizeof *m);
    *out = (struct rv_mounted){ .files = 0 };
    if (m == NULL)
        return rv_fail_nomem(err);
    m->b = b;
    m->out = out;
    m->tree = rv_tree_new(err);
    m->room = m->tree != NULL ? rv_alloc(READ_MAX) : NULL;
    bool fine = m->tree != NULL && (m->room != NULL || rv_fail_nomem(err)) && rv_tree_read(m->tree, b, err);
    if (fine) {
        out->files = m->tree->files;
        out->bytes = m->tree->bytes;
        out->links = m->tree->links;
        out->left_out = m->tree->left_out;
        fine = can_mount(err) && prepare_folder(m, at, err) && begin(m, at, err);
    }
    if (fine) {
        rv_tell_step(b->ctx, "mounted", "The files of the backup are in the folder now; Ctrl-C ends it");
        fine = answer_until_the_end(m, err);
    }
    end(m, at);
    rv_free(m);
    return fine;
}
