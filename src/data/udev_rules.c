/* SPDX-License-Identifier: Apache-2.0 */
#include "data/udev_rules.h"

const char rv_udev_rules[] =
#include "udev_rules_table.inc"
    ;
