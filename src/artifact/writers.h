/* SPDX-License-Identifier: Apache-2.0 */
/* Every format, one a file; export.c lists them. */
#pragma once

#include "artifact/export.h"

extern const struct rv_writer rv_writer_bookmarks, rv_writer_csv, rv_writer_html, rv_writer_icalendar, rv_writer_jsonl,
    rv_writer_mbox, rv_writer_markdown, rv_writer_media, rv_writer_vcard, rv_writer_vcard4;
