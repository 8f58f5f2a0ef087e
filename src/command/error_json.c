/* SPDX-License-Identifier: Apache-2.0 */
/* What an error is to a program that called revive: an exit code and a JSON object of four parts. */
#include "command/command.h"

#include "base/text.h"
#include "command/error_words.h"
#include "data/advice.h"

#include <string.h>

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_NO_DEVICE, EXIT_REFUSED, EXIT_DAMAGED, EXIT_NETWORK, EXIT_UNFINISHED };

static const unsigned char exit_codes[RV_E_CODE_COUNT] = {
    [RV_OK] = EXIT_DONE,
    [RV_E_NOMEM] = EXIT_FAILED,
    [RV_E_IO] = EXIT_FAILED,
    [RV_E_NOSPACE] = EXIT_FAILED,
    [RV_E_TIMEOUT] = EXIT_FAILED,
    [RV_E_CANCELLED] = EXIT_UNFINISHED,
    [RV_E_GONE] = EXIT_NO_DEVICE,
    [RV_E_REFUSED] = EXIT_REFUSED,
    [RV_E_PROTOCOL] = EXIT_FAILED,
    [RV_E_FORMAT] = EXIT_DAMAGED,
    [RV_E_CORRUPT] = EXIT_DAMAGED,
    [RV_E_NOT_FOUND] = EXIT_FAILED,
    [RV_E_DENIED] = EXIT_REFUSED,
    [RV_E_BUSY] = EXIT_FAILED,
    [RV_E_LIMIT] = EXIT_FAILED,
    [RV_E_UNSUPPORTED] = EXIT_FAILED,
    [RV_E_USAGE] = EXIT_USAGE,
    [RV_E_NETWORK] = EXIT_NETWORK,
    [RV_E_UNSIGNED] = EXIT_NETWORK,
    [RV_E_NO_DEVICE] = EXIT_NO_DEVICE,
    [RV_E_UNFINISHED] = EXIT_UNFINISHED,
};

int rv_exit_code(const struct rv_error *err)
{
    return (unsigned)err->code < RV_E_CODE_COUNT ? exit_codes[err->code] : EXIT_FAILED;
}

/* Frames may quote a device or a file: they are cleaned here, once, for every face. */
static json_t *clean_string(const char *text)
{
    char copy[RV_ERROR_TEXT];
    size_t n = strnlen(text, sizeof copy - 1);
    memcpy(copy, text, n);
    copy[n] = '\0';
    rv_text_clean(copy);
    return json_string(copy);
}

json_t *rv_error_json(const struct rv_error *err, const char *log_path)
{
    const struct rv_advice_row *advice = rv_advice_for(err);
    char cause[RV_ERROR_FRAMES * (RV_ERROR_TEXT + 2) + 1] = "";
    json_t *causes = json_array(), *actions = json_array();
    for (size_t i = err->depth; i-- > 0;) {
        json_t *frame = clean_string(err->text[i]);
        size_t used = strlen(cause);
        snprintf(cause + used, sizeof cause - used, "%s%s", used ? ": " : "", json_string_value(frame));
        json_array_append_new(causes, frame);
    }
    for (size_t i = 0; advice->actions[i] != NULL; i++)
        json_array_append_new(actions, json_string(advice->actions[i]));
    json_t *code = err->apple != 0 ? json_integer(err->apple) : json_null();
    json_t *itunes = err->apple != 0 ? rv_fact_json(rv_fact_find(NULL, err->apple)) : json_null();
    json_t *log = log_path != NULL ? json_string(log_path) : json_null();
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:b, s:s, s:o, s:o, s:o}", "code", rv_code_name(err->code), "title",
                     advice->title, "cause", cause, "causes", causes, "actions", actions, "data_at_risk",
                     advice->data_at_risk, "advice", advice->id, "itunes_code", code, "itunes", itunes, "log", log);
}
