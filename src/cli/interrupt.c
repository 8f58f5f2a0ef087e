/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

enum { EXIT_INTERRUPTED = 7 };

/* A signal handler has no argument of ours: the one global of the program. */
static struct rv_cancel *_Atomic asked_of;

static void on_signal(int number)
{
    static const char words[] = "\nStopping at the next safe point (again: stop at once) ...\n";
    int saved = errno;
    struct rv_cancel *cancel = asked_of;
    (void)number;
    if (cancel == NULL || rv_cancel_asked(cancel))
        _exit(EXIT_INTERRUPTED);
    rv_cancel_ask(cancel);
    ssize_t ignored = write(STDERR_FILENO, words, sizeof words - 1);
    (void)ignored;
    errno = saved;
}

void rv_interrupt_watch(struct rv_cancel *cancel)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    asked_of = cancel;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &action, NULL);
}

void rv_interrupt_forget(void)
{
    asked_of = NULL;
}
