/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person keeps on the device: files by domain and path, as its backups name them. An index in the state folder
 * (STATE/user.db); contents are either grown (they follow from a number, so that gigabytes need no disk) or stand in
 * STATE/user/xx/ID. A restore writes a second set, STATE/next, that takes the first one's place when it is whole.
 */
#pragma once

#include "sim/device.h"

#include <sqlite3.h>

enum { SIM_FILE_ID = 41, SIM_DOMAIN_MAX = 256, SIM_PATH_MAX = 1024 }; /* 1024: the device's own PATH_MAX */
enum { SIM_MODE_KIND = 0170000, SIM_MODE_FILE = 0100000, SIM_MODE_FOLDER = 0040000, SIM_MODE_LINK = 0120000 };

enum sim_form { SIM_FORM_DISK, SIM_FORM_GROWN, SIM_FORM_GROWN_JPEG };

struct sim_file {
    char id[SIM_FILE_ID]; /* SHA-1 of "domain-path" in hex */
    char domain[SIM_DOMAIN_MAX], path[SIM_PATH_MAX], target[SIM_PATH_MAX];
    uint32_t mode, uid, gid, class;
    uint64_t size, inode;
    int64_t mtime, ctime, birth;
    enum sim_form form;
    uint64_t key; /* of grown content */
};

enum sim_user_which { SIM_USER_PRESENT, SIM_USER_NEXT };

struct sim_user;
/** Opens the set; the present one is laid by the settings when the device has none. NULL on failure. */
struct sim_user *sim_user_open(struct sim_device *device, enum sim_user_which which, struct rv_error *err);
void sim_user_free(struct sim_user *user);
RV_DEFINE_AUTO(sim_user)
sqlite3 *sim_user_db(struct sim_user *user);

void sim_file_id(const char *domain, const char *path, char out[SIM_FILE_ID]);
/** A file, folder or link of the person, class and owner as its domain has them. False when the names are too long. */
bool sim_file_new(struct sim_file *file, const char *domain, const char *path, uint32_t mode);

/** Adds or replaces a row, and its folders. */
bool sim_user_put(struct sim_user *user, const struct sim_file *file, struct rv_error *err);
bool sim_user_put_bytes(struct sim_user *user, const char *domain, const char *path, struct rv_span content,
                        struct rv_error *err);
bool sim_user_find(struct sim_user *user, const char *domain, const char *path, struct sim_file *out);

/** All rows by domain and path. The callback's false ends it. */
typedef bool sim_file_fn(void *context, const struct sim_file *file);
bool sim_user_each(struct sim_user *user, sim_file_fn *fn, void *context, struct rv_error *err);
struct sim_totals {
    uint64_t files, bytes, rows;
};
bool sim_user_totals(struct sim_user *user, struct sim_totals *out, struct rv_error *err);

/** Content, from front to back. */
struct sim_content {
    const struct sim_file *file;
    uint64_t at;
    int fd;
};
bool sim_content_open(struct sim_content *content, struct sim_user *user, const struct sim_file *file,
                      struct rv_error *err);
/** Up to room bytes; 0 at the end, -1 when it cannot be read. */
long sim_content_read(struct sim_content *content, uint8_t *to, size_t room);
void sim_content_close(struct sim_content *content);
/** SHA-256 in hex. */
bool sim_content_hash(struct sim_user *user, const struct sim_file *file, char out[65], struct rv_error *err);

/** Content that comes in: what is recognised as grown takes no disk. */
struct sim_intake {
    struct sim_user *user;
    char id[SIM_FILE_ID];
    uint8_t head[16];
    uint64_t size, key;
    enum sim_form form;
    int fd;
};
void sim_intake_begin(struct sim_intake *intake, struct sim_user *user, const char *id);
bool sim_intake_add(struct sim_intake *intake, struct rv_span bytes, struct rv_error *err);
/** Size, form and key go into file. */
bool sim_intake_end(struct sim_intake *intake, struct sim_file *file, struct rv_error *err);
void sim_intake_drop(struct sim_intake *intake);

/** Bytes of grown content from offset at on. */
void sim_grow(enum sim_form form, uint64_t key, uint64_t at, uint8_t *to, size_t len);

/** An erased device: no person's files, and none are laid again. */
bool sim_user_wipe(struct sim_device *device, struct rv_error *err);
/** The set SIM_USER_NEXT, closed, takes the place of the present one, or is dropped. */
bool sim_user_swap(struct sim_device *device, struct rv_error *err);
void sim_user_drop_next(struct sim_device *device);

/* user_bulk.c: generated files: the setting "files" (how many) and "files_size" ("4096", "1024-65536"). */
bool sim_bulk_lay(struct sim_user *user, struct sim_device *device, struct rv_error *err);
/** Of each hundred generated files, `percent` get other content and a later date. */
bool sim_bulk_change(struct sim_user *user, unsigned percent, uint64_t *changed, struct rv_error *err);
bool sim_bulk_remove(struct sim_user *user, unsigned percent, uint64_t *removed, struct rv_error *err);

/* user_person.c: an invented person's own: messages, contacts, calls, notes, history, photos. */
bool sim_person_lay(struct sim_user *user, struct sim_device *device, struct rv_error *err);

/* user_control.c: "user ..." of the control socket; answer is a JSON line. */
void sim_user_command(struct sim_device *device, const char *words, char *answer, size_t size);
