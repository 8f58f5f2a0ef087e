/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of a generation's BuildManifest: names of components, paths, roles and request rules as real manifests
 * have them (facts of the format). What is signed or hashed in it is invented.
 */
#pragma once

#include "base/bytes.h"

enum form_flags {
    TRUSTED = 1 << 0,
    FLASH = 1 << 1,     /* IsFirmwarePayload */
    FUD = 1 << 2,       /* IsFUDFirmware */
    SECONDARY = 1 << 3, /* IsSecondaryFirmwarePayload */
    IBOOT = 1 << 4,     /* BuildString of iBoot */
    NO_FILE = 1 << 5,
    SHORT_DIGEST = 1 << 6, /* SHA-256 */
    RAW = 1 << 7,          /* Personalize false */
    UNTRUSTED = 1 << 8,    /* says Trusted false, where others leave it out */
    LOADED = 1 << 9,       /* IsLoadedByiBoot */
    EAN = 1 << 10,         /* IsiBootEANFirmware */
    FTAB = 1 << 11,        /* IsFTAB */
    NO_DIGEST = 1 << 12,   /* hashes of its own instead */
    BARE = 1 << 15,        /* no roles at all */
    MEASURED = 1 << 14,    /* TBMDigests: the SEP's measured boot */
    RESEARCH = 1 << 13,    /* another file in the identities for research devices */
};
/* Which parameter a rule looks at, firmware of the flash or of the restore. */
enum form_rules {
    RULES_NONE,
    RULES_RAW,
    RULES_CURRENT,
    RULES_SEP,
    RULES_RAW_DEMOTE,
    RULES_CURRENT_DEMOTE,
    RULES_SEP_PLAIN
};

/* In a path: %b the board ("d221"), %B the same as file names write it ("D221"), %s, %c, %f: screen, chip, family of
 * the model; %r: number of the ramdisk, Erase's or Update's. */
struct form_row {
    const char *name, *path, *retag;
    unsigned flags;
    enum form_rules rules;
};

/* One key of an identity; a list has one word. */
enum form_kind { KEY_TEXT, KEY_NUMBER, KEY_BYTES, KEY_LIST };
struct form_key {
    const char *name;
    enum form_kind kind;
    const char *text;
    uint64_t number; /* the number, or how many invented bytes */
};

/* Elements of a modem's firmware: the first are signed for the device, the others only hashed. */
struct form_baseband {
    const char *path;
    const char *chip; /* BbChipID as manifests write it */
    uint8_t key_hash; /* bytes of BbActivationManifestKeyHash */
    uint8_t partial;  /* bytes of a -PartialDigest */
    bool tables;      /* the signed ones come with the header and body of their hash table */
    const char *const *signed_names, *const *plain_names;
};

struct form_model {
    const char *product, *board, *BOARD; /* BOARD: as paths write it */
    const char *screen, *chip, *family;
    const struct form_baseband *baseband;
    const struct form_key *keys;
    size_t key_count;
    const struct form_row *rows; /* what this model has besides the form's */
    size_t row_count;
    bool research; /* two identities more, for research devices */
};

struct form {
    unsigned major;
    const char *version, *build, *train, *iboot;
    const char *erase_ramdisk, *update_ramdisk; /* numbers in file names */
    bool explicit_roles;                        /* roles that a component does not have are written too (from 13 on) */
    const struct form_row *rows;
    size_t row_count;
    const struct form_model *models;
    size_t model_count;
    const struct form_key *info; /* of the Info dictionary */
    size_t info_count;
};

extern const struct form sim_form_11, sim_form_15, sim_form_26;
