/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C: the first asks to stop at the next safe point, the second ends the program at once (exit 7). */
#pragma once

#include "base/cancel.h"

void rv_interrupt_watch(struct rv_cancel *cancel);
/** Signals ask nobody any more; call before the cancel object goes away. */
void rv_interrupt_forget(void);
