/* SPDX-License-Identifier: Apache-2.0 */
/* Every type's row, one a file; artifact.c lists them in the order that a person sees. */
#pragma once

#include "artifact/artifact.h"

extern const struct rv_artifact rv_artifact_messages;
