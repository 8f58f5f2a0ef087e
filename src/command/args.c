/* SPDX-License-Identifier: Apache-2.0 */
#include "command/args.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

const struct rv_option rv_global_options[] = {
    { "device", 'd', "ID", "which device: UDID, ECID, serial number or its number in `revive list`" },
    { "help", 'h', NULL, "what the command does, its options and an example" },
    { "json", 0, NULL, "one JSON document on stdout; JSON Lines from long-running commands" },
    { "log", 0, "FILE", "a full log of the run in FILE (secrets blanked)" },
    { "log-identifiers", 0, NULL, "do not mask serial numbers and other identifiers in logs" },
    { "no-trace", 0, NULL, "leave no cache, pairing record or log behind" },
    { "quiet", 'q', NULL, "only the result, warnings and errors" },
    { "sim", 0, "[SPEC]", "use the virtual iPhone: a situation (boot-loop, normal, recovery, dfu) or a state folder" },
    { "verbose", 'v', NULL, "say more on stderr" },
    { "version", 0, NULL, "the version of revive" },
    { "yes", 0, NULL, "answer every question with yes" },
};
const size_t rv_global_option_count = RV_COUNT(rv_global_options);

enum { NAMES_MAX = 128, WORD_MAX = 40 };

/* Edit distance with a cap on length: names are short, a longer word is near nothing. */
static unsigned distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned row[WORD_MAX + 1];
    if (n > WORD_MAX || m > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *rv_nearest_name(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    unsigned best = (unsigned)strlen(word) / 3 + 2; /* "udpate" is 2 from "update", "x" is near nothing long */
    for (size_t i = 0; i < count; i++) {
        unsigned d = distance(word, names[i]);
        if (d < best && d < strlen(names[i])) {
            best = d;
            nearest = names[i];
        }
    }
    return nearest;
}

static const struct rv_option *find_in(const struct rv_option *options, size_t count, const char *name, size_t len,
                                       char letter)
{
    for (size_t i = 0; i < count; i++)
        if (name != NULL ? strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0
                         : options[i].letter == letter)
            return &options[i];
    return NULL;
}

static const struct rv_option *find_option(const struct rv_command *command, const char *name, size_t len, char letter)
{
    const struct rv_option *own = NULL;
    if (name == NULL && letter == '\0')
        return NULL;
    if (command != NULL)
        own = find_in(command->options, command->option_count, name, len, letter);
    return own != NULL ? own : find_in(rv_global_options, rv_global_option_count, name, len, letter);
}

static bool unknown_option(const struct rv_command *command, const char *word, struct rv_error *err)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    char name[WORD_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (size_t i = 0; i < rv_global_option_count; i++)
        names[count++] = rv_global_options[i].name;
    for (size_t i = 0; command != NULL && i < command->option_count && count < NAMES_MAX; i++)
        names[count++] = command->options[i].name;
    const char *near = word[1] == '-' ? rv_nearest_name(name, names, count) : NULL;
    if (near != NULL)
        return rv_fail(err, RV_E_USAGE, "'%.60s' is not an option here; did you mean --%s?", word, near);
    if (command == NULL || *command->name == '\0')
        return rv_fail(err, RV_E_USAGE, "'%.60s' is not an option here; options of a command stand after it", word);
    return rv_fail(err, RV_E_USAGE, "'%.60s' is not an option of `revive %s`", word, command->name);
}

static bool unknown_verb(const char *word, const char *next, const struct rv_command **command, struct rv_error *err)
{
    const char *names[NAMES_MAX];
    size_t count = 0, len = strlen(word);
    char both[2 * WORD_MAX + 2], below[160] = "";
    for (size_t i = 0; rv_commands[i] != NULL && count < NAMES_MAX; i++) {
        const char *name = rv_commands[i]->name;
        if (strncmp(name, word, len) == 0 && name[len] == ' ') {
            size_t used = strlen(below);
            if (used + strlen(name) + 24 > sizeof below) {
                snprintf(below + used, sizeof below - used, " or others");
                break;
            }
            snprintf(below + used, sizeof below - used, "%s`revive %s`", used ? " or " : "", name);
        }
        if (*name != '\0')
            names[count++] = name;
    }
    *command = NULL;
    if (*below != '\0')
        return rv_fail(err, RV_E_USAGE, "`revive %s` needs a second word: %s", word, below);
    snprintf(both, sizeof both, "%.40s %.40s", word, next != NULL ? next : "");
    const char *near = next != NULL ? rv_nearest_name(both, names, count) : NULL;
    near = near != NULL ? near : rv_nearest_name(word, names, count);
    if (near != NULL)
        return rv_fail(err, RV_E_USAGE, "there is no command '%.60s'; did you mean `revive %s`?", word, near);
    return rv_fail(err, RV_E_USAGE, "there is no command '%.60s'; `revive --help` lists them", word);
}

struct parse {
    int argc, at;
    char *const *argv;
    const struct rv_command *command;
    bool have_verb, options_over;
    struct rv_args *args;
};

static bool keep_option(struct parse *p, const struct rv_option *option, const char *value, struct rv_error *err)
{
    if (p->args->count == RV_ARGS_MAX)
        return rv_fail(err, RV_E_USAGE, "more than %d options", RV_ARGS_MAX);
    p->args->options[p->args->count].name = option->name;
    p->args->options[p->args->count++].value = value;
    return true;
}

static bool next_value(struct parse *p, const struct rv_option *option, const char **value, struct rv_error *err)
{
    if (p->at + 1 >= p->argc)
        return rv_fail(err, RV_E_USAGE, "--%s needs a value (%s)", option->name, option->value);
    *value = p->argv[++p->at];
    return true;
}

static bool take_long(struct parse *p, const char *word, struct rv_error *err)
{
    size_t len = strcspn(word + 2, "=");
    bool has_value = word[2 + len] == '=';
    const struct rv_option *option = find_option(p->command, word + 2, len, 0);
    const char *value = has_value ? word + 2 + len + 1 : "";
    if (option == NULL)
        return unknown_option(p->command, word, err);
    if (option->value == NULL && has_value)
        return rv_fail(err, RV_E_USAGE, "--%s takes no value", option->name);
    if (option->value != NULL && option->value[0] != '[') {
        if (!has_value && !next_value(p, option, &value, err))
            return false;
        if (*value == '\0')
            return rv_fail(err, RV_E_USAGE, "--%s has an empty value (%s)", option->name, option->value);
    }
    return keep_option(p, option, value, err);
}

/* "-v", "-vq", "-d 1", "-d1" */
static bool take_letters(struct parse *p, const char *word, struct rv_error *err)
{
    for (const char *c = word + 1; *c != '\0'; c++) {
        const struct rv_option *option = find_option(p->command, NULL, 0, *c);
        const char *value = "";
        if (option == NULL)
            return unknown_option(p->command, word, err);
        if (option->value != NULL && option->value[0] != '[') {
            value = c + 1;
            if (*value == '\0' && !next_value(p, option, &value, err))
                return false;
            return keep_option(p, option, value, err);
        }
        if (!keep_option(p, option, value, err))
            return false;
    }
    return true;
}

/* The longest name that the words begin with: "firmware ticket show" before "firmware". */
static bool take_verb(struct parse *p, const char *word, struct rv_error *err)
{
    enum { VERB_WORDS = 3 };
    char name[128] = "";
    int used = 0;
    for (int n = 1; n <= VERB_WORDS && p->at + n <= p->argc; n++) {
        size_t len = strlen(name);
        snprintf(name + len, sizeof name - len, "%s%s", n > 1 ? " " : "", n > 1 ? p->argv[p->at + n - 1] : word);
        const struct rv_command *longer = *name != '\0' ? rv_command_find(name) : NULL;
        if (longer != NULL) {
            p->command = longer;
            used = n;
        }
    }
    p->have_verb = used > 0;
    if (p->have_verb) {
        p->at += used - 1;
        return true;
    }
    return unknown_verb(word, p->at + 1 < p->argc ? p->argv[p->at + 1] : NULL, &p->command, err);
}

static bool take_word(struct parse *p, const char *word, struct rv_error *err)
{
    if (!p->have_verb)
        return take_verb(p, word, err);
    if (p->command->words == NULL)
        return rv_fail(err, RV_E_USAGE, "`revive %s` takes no further word, and '%.60s' stands there", p->command->name,
                       word);
    if (p->args->words == RV_ARGS_MAX)
        return rv_fail(err, RV_E_USAGE, "more than %d words", RV_ARGS_MAX);
    p->args->positional[p->args->words++] = word;
    return true;
}

static bool take_one(struct parse *p, struct rv_error *err)
{
    const char *word = p->argv[p->at];
    bool raw = p->have_verb && (p->command->flags & RV_COMMAND_RAW) != 0;
    if (!raw && !p->options_over && strcmp(word, "--") == 0) {
        p->options_over = true;
        return true;
    }
    bool number = word[0] == '-' && word[1] >= '0' && word[1] <= '9'; /* no option begins with a digit */
    if (raw || p->options_over || word[0] != '-' || word[1] == '\0' || number)
        return take_word(p, word, err);
    return word[1] == '-' ? take_long(p, word, err) : take_letters(p, word, err);
}

bool rv_args_parse(int argc, char *const *argv, const struct rv_command **command, struct rv_args *args,
                   struct rv_error *err)
{
    memset(args, 0, sizeof *args);
    struct parse p = { .argc = argc, .at = 1, .argv = argv, .command = rv_command_find(""), .args = args };
    bool fine = true;
    for (; fine && p.at < argc; p.at++)
        fine = take_one(&p, err);
    *command = p.command;
    return fine;
}
