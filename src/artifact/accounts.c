/* SPDX-License-Identifier: Apache-2.0 */
/* Mail, iCloud and other accounts: who was logged in where. Their passwords are keychain items. */
#include "artifact/flat.h"
#include "artifact/readers.h"

static const struct rv_flat_field fields[] = {
    /* clang-format off: one a line */
    { "id", "ZIDENTIFIER", RV_FLAT_TEXT, NULL, NULL },
    { "date", "ZDATE", RV_FLAT_COCOA, NULL, NULL },
    { "name", "ZACCOUNTDESCRIPTION", RV_FLAT_TEXT, NULL, NULL },
    { "user", "ZUSERNAME", RV_FLAT_TEXT, NULL, NULL },
    { "active", "ZACTIVE", RV_FLAT_FLAG, NULL, NULL },
    { "app", "ZOWNINGBUNDLEID", RV_FLAT_TEXT, NULL, NULL },
    { "kind", NULL, RV_FLAT_TEXT,
      "SELECT y.ZACCOUNTTYPEDESCRIPTION FROM main.ZACCOUNTTYPE y WHERE y.Z_PK=t.ZACCOUNTTYPE",
      "ZACCOUNTTYPE.ZACCOUNTTYPEDESCRIPTION ZACCOUNT.ZACCOUNTTYPE" },
    { "kind_id", NULL, RV_FLAT_TEXT, "SELECT y.ZIDENTIFIER FROM main.ZACCOUNTTYPE y WHERE y.Z_PK=t.ZACCOUNTTYPE",
      "ZACCOUNTTYPE.ZIDENTIFIER ZACCOUNT.ZACCOUNTTYPE" },
    { "part_of", NULL, RV_FLAT_TEXT, "SELECT p.ZUSERNAME FROM main.ZACCOUNT p WHERE p.Z_PK=t.ZPARENTACCOUNT",
      "ZACCOUNT.ZUSERNAME ZACCOUNT.ZPARENTACCOUNT" },
    /* clang-format on */
};
static const struct rv_flat rows = {
    .table = "ZACCOUNT",
    .fields = fields,
    .count = RV_COUNT(fields),
    .rest = "ORDER BY t.ZDATE,t.Z_PK",
    .identity = "ZIDENTIFIER",
};

static bool read_accounts(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && rv_flat_read(job, db, &rows, err);
}

static const struct rv_place places[] = {
    { "HomeDomain", "Library/Accounts/Accounts3.sqlite", "ZACCOUNT ZACCOUNTTYPE" },
};
static const char *const shown[] = { "date", "kind", "user", "name", NULL };
static const char *const cells[] = { "date", "kind", "kind_id", "user", "name", "part_of", "active", "app", NULL };

const struct rv_artifact rv_artifact_accounts = {
    .type = "accounts",
    .title = "Accounts",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_ROWS,
    .read = read_accounts,
    .absent = "the list of accounts lies in encrypted and unencrypted backups alike; this source has none",
    .columns = shown,
    .cells = cells,
};
