/* SPDX-License-Identifier: Apache-2.0 */
/* How the tables of restored's steps are written: one word a kind of row, so that a table reads like its transcript. */
#pragma once

#include "sim/restored_run.h"

/* clang-format off */
/* A checkpoint with nothing in it that a host sees. */
#define DONE(id, label) { (id), (label), ON_BOTH, .ms = 50 }
/* A checkpoint with rows inside, up to CLOSE. */
#define OPEN(id, label, number) { (id), (label), ON_BOTH, .status = (number), .kind = STEP_OPEN }
#define CLOSE { .when = ON_BOTH, .kind = STEP_CLOSE }
/* Inside: operations, started (-1), with a value, or with work that does them. */
#define OP(number, count) { .when = ON_BOTH, .operation = (number), .times = (count), .ms = 100 * (count), .kind = STEP_LINE }
#define VALUE(number, percent) \
    { .when = ON_BOTH, .operation = (number), .times = 1, .op_flags = OP_VALUE, .progress = (percent), .kind = STEP_LINE }
#define ASK(function, argument) { .when = ON_BOTH, .run = (function), .what = (argument), .kind = STEP_LINE }
/* Only where the model has that chip. */
#define ASK_CHIP(function, chip) { .when = ON_BOTH | ON_CHIP, .run = (function), .what = (chip), .kind = STEP_LINE }
#define PASS(milliseconds) { .when = ON_BOTH, .ms = (milliseconds), .kind = STEP_LINE }
/* clang-format on */
