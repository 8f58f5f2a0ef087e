/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines of `update`, `restore` and `resume`, and the jobs of `status`. */
#include "cli/print.h"

#include "base/language.h"

#include <string.h>

static void print_plan(const json_t *result)
{
    size_t i;
    json_t *step;
    printf(_("Nothing was changed. This is what would be done:\n"));
    json_array_foreach (json_object_get(result, "steps"), i, step)
        printf("  %2zu. %s%s\n", i + 1, rv_json_words(step, "text", ""),
               json_is_true(json_object_get(step, "erases")) ? _(" (ERASES everything)") : "");
}

void rv_print_restore(const struct rv_face *face, const json_t *result)
{
    (void)face;
    if (json_is_true(json_object_get(result, "dry_run"))) {
        print_plan(result);
        return;
    }
    const json_t *device = json_object_get(result, "device");
    const char *name = rv_json_text(device, "name", _("The device"));
    printf(_("%s runs iOS %s (%s) and has started. It took %.0f seconds.\n"), name,
           rv_json_text(result, "version", "?"), rv_json_text(result, "build", "?"),
           json_real_value(json_object_get(result, "duration_s")));
    if (json_is_true(json_object_get(result, "not_apple")))
        printf(_("The signature was not Apple's, but that of the extra root (REVIVE_TRUST_ROOT).\n"));
    if (json_is_true(json_object_get(result, "data_kept")))
        printf(_("Done: the system was installed again, its version was read from the running device, data kept.\n"));
    else
        printf(_("Done: the device was erased and installed. Set it up now; if Find My was on, it asks for its owner's "
                 "Apple Account.\n"));
}

static void print_rescue_story(const struct rv_face *face, const json_t *rescue)
{
    size_t i;
    json_t *one;
    const char *state = rv_json_text(rescue, "state", "open");
    printf(_("%srescue of %s %s%s: %s, begun %s\n"), rv_style(face->colour_out, "bold"),
           rv_json_text(rescue, "name", "device"), rv_json_text(rescue, "ecid", "?"), rv_style(face->colour_out, "off"),
           strcmp(state, "done") == 0    ? _("brought back")
           : strcmp(state, "spent") == 0 ? _("ended without success")
                                         : _("not ended"),
           rv_json_text(rescue, "started", "?"));
    json_array_foreach (json_object_get(rescue, "tries"), i, one)
        printf("  %zu. %s: %s\n", i + 1, rv_json_text(one, "rung", "?"), rv_json_text(one, "outcome", "?"));
    if (rv_json_text(rescue, "next", NULL) != NULL)
        printf(_("  next: `%s` goes on\n"), rv_json_text(rescue, "next", ""));
}

void rv_print_jobs(const struct rv_face *face, const json_t *result)
{
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    json_t *job;
    size_t i;
    const json_t *rescues = json_object_get(result, "rescues");
    if (json_array_size(json_object_get(result, "jobs")) == 0 && json_array_size(rescues) == 0)
        puts(_("No update, restore or rescue was begun on this computer."));
    json_array_foreach (rescues, i, job)
        print_rescue_story(face, job);
    json_array_foreach (json_object_get(result, "jobs"), i, job) {
        printf(_("%s%s of device %s%s: %s, begun %s\n"), bold, rv_json_words(job, "behaviour", N_("job")),
               rv_json_text(job, "ecid", "?"), off, rv_json_words(job, "state", "?"),
               rv_json_text(job, "started", "?"));
        printf(_("  last finished step: %s\n"), rv_json_text(job, "last_step", _("none")));
        if (rv_json_text(job, "why", NULL) != NULL)
            printf(_("  stopped because: %s\n"), rv_json_text(job, "why", ""));
        if (rv_json_text(job, "next", NULL) != NULL)
            printf(_("  next: `%s -d %s`\n"), rv_json_text(job, "next", ""), rv_json_text(job, "ecid", ""));
    }
}
