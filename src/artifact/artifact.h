/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row a type of data that a person may miss: where its files lie, what reads them, and why they may not be there.
 * A reader turns live rows, rows in an app's own trash and carved rows into records; a record is a JSON object whose
 * first fields are the same for all types (docs/records.md).
 */
#pragma once

#include "artifact/source.h"

#include <jansson.h>

enum rv_record_state {
    RV_LIVE,
    RV_TRASHED, /* in an app's own trash */
    RV_CARVED,  /* a deleted row, found again */
    RV_EARLIER, /* there in an earlier backup of the phone, not any more in the newest */
    RV_RECORD_STATES
};
extern const char *const rv_record_state_names[RV_RECORD_STATES]; /* live, recently_deleted, carved, in_older_backup */

/** A finished record, borrowed. False with an error ends the reading; so does setting job->enough. */
struct rv_job;
typedef bool rv_record_fn(void *context, json_t *record, struct rv_error *err);

/* How files of the type are told apart; which writer fits. */
enum rv_shape {
    RV_SHAPE_ROWS,
    RV_SHAPE_CHAT,
    RV_SHAPE_PERSON,
    RV_SHAPE_EVENT,
    RV_SHAPE_TODO,
    RV_SHAPE_NOTE,
    RV_SHAPE_BOOKMARK,
    RV_SHAPE_MEDIA
};

struct rv_artifact {
    const char *type;  /* "messages": the name in commands, records and file names */
    const char *title; /* "Messages" */
    const struct rv_place *places;
    size_t place_count;
    enum rv_shape shape;
    bool (*read)(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err); /* one file of a place */
    const char *absent;         /* why there may be none, in plain words */
    const char *const *columns; /* of a table in the terminal: keys of a record, NULL-terminated */
    const char *const *cells;   /* of CSV; NULL: the same */
    bool on_request;            /* only when its name is said: places of a person's home, secrets */
};
extern const struct rv_artifact *const rv_artifacts[]; /* in the order that they are shown; NULL-terminated */
const struct rv_artifact *rv_artifact_find(const char *type);

struct rv_counts {
    uint64_t by_state[RV_RECORD_STATES];
    uint64_t older;         /* earlier versions of rows that live */
    uint64_t broken;        /* rows that could not be read */
    uint64_t tombstones;    /* identifiers of deleted things without content */
    uint64_t files;         /* databases read */
    uint64_t missing_media; /* attachments named by a record and not in the source */
    uint64_t media;         /* attachments that are there */
};

/* One type read out of one source. */
struct rv_job {
    struct rv_source *source;
    const struct rv_artifact *artifact;
    const struct rv_source_file *file; /* that is being read */
    bool carve;                        /* look for deleted rows too */
    bool lazy;                         /* for deleted ones only when the living were not enough: a first page at once */
    bool older;                        /* earlier versions of living rows too */
    bool count_only;                   /* records need not be made */
    bool no_earlier;                   /* earlier backups are not asked */
    bool enough;                       /* set by the receiver: no more records are wanted */
    rv_record_fn *record;
    void *context;
    struct rv_counts counts;
    struct rv_sift *sift; /* while several backups are read together (earlier.c) */
    json_t *done;         /* files read: one may answer to two places */
    json_t *notes;        /* array of texts: what is missing and why */
};

/**
 * Reads every file of the type, of earlier backups too: what is in one of them and not in a newer one was deleted in
 * between and says so. Without any: RV_E_NOT_FOUND is not raised, counts.files
 * stays 0.
 */
bool rv_job_run(struct rv_job *job, struct rv_error *err);
/** The same of job->source alone. */
bool rv_job_run_one(struct rv_job *job, struct rv_error *err);
void rv_job_clear(struct rv_job *job);
/** earlier.c: the passes over several backups; which of their records is new. */
bool rv_job_run_several(struct rv_job *job, struct rv_error *err);
bool rv_sift_takes(struct rv_job *job, enum rv_record_state *state, json_t *record);
/** Counts a record and hands it on; takes the reference. record may be NULL when job->count_only. */
bool rv_job_emit(struct rv_job *job, enum rv_record_state state, json_t *record, struct rv_error *err);
/** One line of what is missing and why; said once. */
void rv_job_note(struct rv_job *job, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
