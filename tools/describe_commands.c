/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the command table as JSON while the project is built: man pages and shell completions are made of it. */
#include "care/checkup.h"
#include "command/args.h"
#include "command/triage.h"
#include "restore/restore.h"

#include <stdio.h>

static void add_text(json_t *into, const char *key, const char *text)
{
    if (text != NULL)
        json_object_set_new(into, key, json_string(text));
}

static json_t *options_json(const struct rv_option *options, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        char letter[2] = { options[i].letter, '\0' };
        json_t *row = json_object();
        add_text(row, "name", options[i].name);
        add_text(row, "letter", letter[0] != '\0' ? letter : NULL);
        add_text(row, "value", options[i].value);
        add_text(row, "help", options[i].help);
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *command_json(const struct rv_command *command)
{
    json_t *row = json_object();
    add_text(row, "name", command->name);
    add_text(row, "summary", command->summary);
    add_text(row, "words", command->words);
    add_text(row, "about", command->about);
    add_text(row, "example", command->example);
    json_object_set_new(row, "device", json_boolean((command->flags & RV_COMMAND_DEVICE) != 0));
    json_object_set_new(row, "erases", json_boolean((command->flags & RV_COMMAND_ERASES) != 0));
    json_object_set_new(row, "options", options_json(command->options, command->option_count));
    return row;
}

static void add_stored(json_t *list, const char *source, const char *text)
{
    if (text != NULL && text[0] != '\0')
        json_array_append_new(list, json_pack("{s:s, s:s}", "source", source, "text", text));
}

/* What stands in tables of the program and is shown to a person: for the list of texts to translate. */
static json_t *texts_json(void)
{
    enum { STEPS_MAX = 32 };
    json_t *list = json_array();
    for (size_t i = 0; i < rv_situation_count; i++) {
        add_stored(list, "src/command/triage.c", rv_situations[i].words);
        add_stored(list, "src/command/triage.c", rv_situations[i].why);
    }
    for (int mode = 0; mode < RV_MODE_COUNT; mode++) {
        struct rv_step_words words[STEPS_MAX];
        add_stored(list, "src/device/mode.c", rv_mode_words((enum rv_mode)mode));
        for (int behavior = RV_BEHAVIOR_UPDATE; behavior <= RV_BEHAVIOR_ERASE; behavior++) {
            size_t count = rv_plan_words((enum rv_mode)mode, (enum rv_behavior)behavior, words, STEPS_MAX);
            for (size_t i = 0; i < count && i < STEPS_MAX; i++)
                add_stored(list, "src/restore/plan.c", words[i].words);
        }
    }
    for (size_t i = 0; i < rv_doctor_check_count; i++)
        add_stored(list, "src/care/checkup.c", rv_doctor_checks[i].title);
    return list;
}

int main(void)
{
    json_t *commands = json_array();
    for (size_t i = 0; rv_commands[i] != NULL; i++)
        json_array_append_new(commands, command_json(rv_commands[i]));
    json_t *all = json_object();
    add_text(all, "version", REVIVE_VERSION);
    json_object_set_new(all, "options", options_json(rv_global_options, rv_global_option_count));
    json_object_set_new(all, "commands", commands);
    json_object_set_new(all, "texts", texts_json());
    int failed = json_dumpf(all, stdout, JSON_INDENT(1));
    json_decref(all);
    return failed != 0 || fflush(stdout) != 0;
}
