/* SPDX-License-Identifier: Apache-2.0 */
#include "base/language.h"

#include <limits.h>
#include <locale.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "po" beside the program: it has not been installed. */
static const char *folder_of_lists(char *out, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        *strrchr(self, '/') = '\0';
        if ((size_t)snprintf(out, size, "%s/po", self) < size && access(out, R_OK) == 0)
            return out;
    }
    return REVIVE_LOCALE_DIR;
}

static const char *wanted(void)
{
    static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && *value != '\0')
            return value;
    }
    return "C";
}

void rv_language_begin(void)
{
    char folder[PATH_MAX];
    const char *language = wanted();
    /* Numbers keep their point: only words and characters change. */
    if (setlocale(LC_CTYPE, "") == NULL || setlocale(LC_MESSAGES, "") == NULL) {
        /* A language that this computer was not set up for: gettext finds it all the same by its name. */
        setlocale(LC_CTYPE, "C.UTF-8");
        setlocale(LC_MESSAGES, "C.UTF-8");
        setenv("LANGUAGE", language, 0);
    }
    bindtextdomain("revive", folder_of_lists(folder, sizeof folder));
    bind_textdomain_codeset("revive", "UTF-8");
    textdomain("revive");
}

const char *rv_translated(const char *text)
{
    return text == NULL || *text == '\0' ? text : gettext(text);
}
