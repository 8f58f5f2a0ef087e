/* SPDX-License-Identifier: Apache-2.0 */
/* Health: samples, and workouts among them. Only encrypted backups hold it. */
#include "artifact/flat.h"
#include "artifact/readers.h"

#include <string.h>

/* Numbers of HealthKit's types as public readers of this database name them; what is not known keeps its number. */
static const struct {
    json_int_t number;
    const char *name, *unit;
    double times; /* what a stored quantity is multiplied with for the unit */
} types[] = {
    { 0, "body mass index", "", 1 },
    { 1, "body fat", "%", 100 },
    { 2, "height", "m", 1 },
    { 3, "body mass", "kg", 1 },
    { 5, "heart rate", "/min", 60 },
    { 7, "steps", "", 1 },
    { 8, "distance walked", "m", 1 },
    { 9, "energy at rest", "kcal", 1 },
    { 10, "active energy", "kcal", 1 },
    { 12, "flights climbed", "", 1 },
    { 63, "sleep", "", 1 },
    { 70, "watch worn", "", 1 },
    { 75, "exercise", "min", 1 },
    { 118, "heart rate at rest", "/min", 60 },
};
static const struct {
    json_int_t number;
    const char *name;
} activities[] = { { 13, "cycling" },          { 20, "strength training" }, { 24, "hiking" },  { 35, "rowing" },
                   { 37, "running" },          { 46, "swimming" },          { 52, "walking" }, { 57, "yoga" },
                   { 63, "interval training" } };

static bool name_sample(struct rv_job *job, json_t *record)
{
    json_int_t number = json_integer_value(json_object_get(record, "type_number"));
    const json_t *value = json_object_get(record, "value"), *sort = json_object_get(record, "activity_number");
    (void)job;
    for (size_t i = 0; i < RV_COUNT(types); i++)
        if (types[i].number == number && sort == NULL) {
            rv_put_words(record, "kind", types[i].name);
            rv_put_words(record, "unit", types[i].unit);
            if (value != NULL)
                json_object_set_new(record, "value", json_real(json_real_value(value) * types[i].times));
        }
    for (size_t i = 0; sort != NULL && i < RV_COUNT(activities); i++)
        if (activities[i].number == json_integer_value(sort))
            rv_put_words(record, "activity", activities[i].name);
    if (sort != NULL)
        rv_put_words(record, "kind", "workout");
    return true;
}

static const struct rv_flat_field fields[] = {
    /* clang-format off: one a line */
    { "date", "start_date", RV_FLAT_COCOA, NULL, NULL },
    { "end", "end_date", RV_FLAT_COCOA, NULL, NULL },
    { "type_number", "data_type", RV_FLAT_NUMBER, NULL, NULL },
    { "value", NULL, RV_FLAT_REAL, "SELECT q.quantity FROM main.quantity_samples q WHERE q.data_id=t.data_id",
      "quantity_samples.quantity samples.data_id" },
    { "category", NULL, RV_FLAT_NUMBER, "SELECT c.value FROM main.category_samples c WHERE c.data_id=t.data_id",
      "category_samples.value samples.data_id" },
    { "activity_number", NULL, RV_FLAT_NUMBER, "SELECT w.activity_type FROM main.workouts w WHERE w.data_id=t.data_id",
      "workouts.activity_type samples.data_id" },
    { "duration", NULL, RV_FLAT_REAL, "SELECT w.duration FROM main.workouts w WHERE w.data_id=t.data_id",
      "workouts.duration samples.data_id" },
    { "distance_km", NULL, RV_FLAT_REAL, "SELECT w.total_distance FROM main.workouts w WHERE w.data_id=t.data_id",
      "workouts.total_distance samples.data_id" },
    /* clang-format on */
};
static const struct rv_flat rows = {
    .table = "samples",
    .fields = fields,
    .count = RV_COUNT(fields),
    .rest = "ORDER BY t.start_date,t.data_id",
    .finish = name_sample,
};

static bool read_health(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && rv_flat_read(job, db, &rows, err);
}

static const struct rv_place places[] = {
    { "HealthDomain", "Health/healthdb_secure.sqlite", "samples quantity_samples" },
};
static const char *const shown[] = { "date", "kind", "value", "unit", NULL };
static const char *const cells[] = { "date",     "end",      "kind",     "type_number", "value", "unit",
                                     "category", "activity", "duration", "distance_km", NULL };

const struct rv_artifact rv_artifact_health = {
    .type = "health",
    .title = "Health",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_ROWS,
    .read = read_health,
    .absent = "Health is in encrypted backups only: without a password set for backups the phone leaves it out",
    .columns = shown,
    .cells = cells,
};
