/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image4: IM4P (payload), IM4M (manifest, "ticket"), IM4R (restore info) and the IMG4 that holds them.
 * Parsed structs borrow from the input. What a parser accepts is whole: every property is well formed,
 * named like its tag and there once, so lookups afterwards cannot fail for other reasons than absence.
 */
#pragma once

#include "format/der.h"

enum rv_img4_kind { RV_IMG4_IMG4, RV_IMG4_IM4P, RV_IMG4_IM4M, RV_IMG4_IM4R };
/** Which of the four a file is, by its first text. */
bool rv_img4_kind(struct rv_span in, enum rv_img4_kind *kind, struct rv_error *err);

enum rv_im4p_compression { RV_IM4P_PLAIN, RV_IM4P_LZSS, RV_IM4P_LZFSE };

struct rv_im4p {
    struct rv_span whole;
    char type[5];   /* "ibss" */
    size_t type_at; /* of the four type bytes inside `whole` */
    struct rv_span version, payload;
    struct rv_span keybags; /* DER; empty: not encrypted */
    enum rv_im4p_compression compression;
    uint64_t plain_size; /* uncompressed, 0: not told */
};
bool rv_im4p_parse(struct rv_span in, struct rv_im4p *out, struct rv_error *err);
/** Where the four type bytes stand, from the first bytes of a file that need not be all there. */
bool rv_im4p_find_type(struct rv_span start, size_t *type_at);
/** Overwrites the type of an IM4P in place. */
bool rv_im4p_retag(struct rv_blob *im4p, const char *type, struct rv_error *err);

enum { RV_IM4M_CERTIFICATES_MAX = 4, RV_IM4M_ENTRIES_MAX = 512 };

struct rv_im4m {
    struct rv_span whole;
    struct rv_span signed_bytes; /* the SET with MANB, header included */
    struct rv_span properties;   /* content of MANP's SET */
    struct rv_span objects;      /* content of MANB's SET, MANP included */
    struct rv_span signature;
    struct rv_span chain[RV_IM4M_CERTIFICATES_MAX];
    size_t chain_len; /* 0: an IM4C in place of certificates */
};
bool rv_im4m_parse(struct rv_span in, struct rv_im4m *out, struct rv_error *err);

/** Value of a property in the content of a SET of properties; false: not there. */
bool rv_img4_property(struct rv_span set, const char *name, struct rv_der *value);
bool rv_img4_property_uint(struct rv_span set, const char *name, uint64_t *value);
bool rv_img4_property_octets(struct rv_span set, const char *name, struct rv_span *value);
/** Walks a SET of properties: start with a cursor over it. False at the end. */
bool rv_img4_property_next(struct rv_reader *r, char name[5], struct rv_der *value);

/** Properties of the object with that tag ("ibss"); false: the manifest has none. */
bool rv_im4m_object(const struct rv_im4m *im4m, const char *tag, struct rv_span *properties);
/** Walks the objects (MANP left out): start with a cursor over `objects`. False at the end. */
bool rv_im4m_object_next(struct rv_reader *r, char tag[5], struct rv_span *properties);

struct rv_img4 {
    struct rv_im4p im4p;
    struct rv_im4m im4m;
    struct rv_span im4r; /* empty: none */
};
bool rv_img4_parse(struct rv_span in, struct rv_img4 *out, struct rv_error *err);
/** Content of an IM4R's SET of properties. */
bool rv_im4r_parse(struct rv_span in, struct rv_span *properties, struct rv_error *err);

/** IMG4 of the three; im4r may be empty. */
struct rv_blob *rv_img4_stitch(struct rv_span im4p, struct rv_span im4m, struct rv_span im4r, struct rv_error *err);

/** One property of an IM4R: octets, or a number when octets.ptr is NULL. */
struct rv_im4r_item {
    const char *name;
    struct rv_span octets;
    uint64_t number;
};
struct rv_blob *rv_im4r_make(const struct rv_im4r_item *items, size_t count, struct rv_error *err);
