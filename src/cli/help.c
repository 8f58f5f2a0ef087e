/* SPDX-License-Identifier: Apache-2.0 */
/* Help is printed from the command table and nothing else. */
#include "cli/face.h"

#include "base/language.h"

#include <string.h>

enum { COLUMN = 26 };

static void print_options(const struct rv_face *face, const char *title, const struct rv_option *options, size_t count)
{
    if (count == 0)
        return;
    printf("\n%s%s%s\n", rv_style(face->colour_out, "bold"), title, rv_style(face->colour_out, "off"));
    for (size_t i = 0; i < count; i++) {
        const struct rv_option *o = &options[i];
        char letter[8] = "    ", left[80];
        bool optional = o->value != NULL && o->value[0] == '[';
        if (o->letter != '\0')
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        if (optional)
            snprintf(left, sizeof left, "%s--%s[=%s", letter, o->name, o->value + 1);
        else
            snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
                     o->value != NULL ? o->value : "");
        printf("  %-*s %s\n", COLUMN, left, rv_translated(o->help));
    }
}

static void print_overview(const struct rv_face *face)
{
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    printf(_("revive %s - brings an iPhone, iPad or iPod touch back that does not start any more\n\n"), REVIVE_VERSION);
    printf(_("%sUsage%s\n  revive [COMMAND] [OPTIONS]\n"), bold, off);
    printf(_("\n%sCommands%s\n"), bold, off);
    for (size_t i = 0; rv_commands[i] != NULL; i++) {
        const struct rv_command *c = rv_commands[i];
        printf("  %-*s %s\n", COLUMN, *c->name != '\0' ? c->name : _("(none)"), rv_translated(c->summary));
    }
    print_options(face, _("Options of every command"), rv_global_options, rv_global_option_count);
    printf(_("\n%sExample%s\n  revive                            what is attached, what is wrong, what to do next\n"
             "  revive COMMAND --help             more about one command\n"),
           bold, off);
}

void rv_print_help(const struct rv_face *face, const struct rv_command *command)
{
    if (command == NULL || *command->name == '\0') {
        print_overview(face);
        return;
    }
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    printf(_("revive %s - %s\n\n"), command->name, rv_translated(command->summary));
    printf(_("%sUsage%s\n  revive %s%s%s [OPTIONS]\n"), bold, off, command->name, command->words != NULL ? " " : "",
           command->words != NULL ? command->words : "");
    if (command->about != NULL)
        printf("\n%s\n", rv_translated(command->about));
    print_options(face, _("Options"), command->options, command->option_count);
    print_options(face, _("Options of every command"), rv_global_options, rv_global_option_count);
    if (command->example != NULL)
        printf(_("\n%sExample%s\n    %s\n"), bold, off, rv_translated(command->example));
}
