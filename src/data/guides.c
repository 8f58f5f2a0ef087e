/* SPDX-License-Identifier: Apache-2.0 */
#include "data/guides.h"

#include <stdbool.h>
#include <string.h>

#include "guides_table.inc"

static bool named(const struct rv_guide_word *row, const char *name, size_t len)
{
    return strlen(row->word) == len && memcmp(row->word, name, len) == 0;
}

const char *rv_guide_word(const char *name, size_t len, int ios, enum rv_guide_computer computer)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const struct rv_guide_word *row = &words[i];
        bool era = row->until == 0 || (ios != 0 && ios <= row->until);
        bool place = row->computer == RV_GUIDE_ANY || row->computer == computer;
        if (named(row, name, len) && era && place)
            return row->text;
    }
    return NULL;
}
