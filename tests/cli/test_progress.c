/* SPDX-License-Identifier: Apache-2.0 */
/* What a person reads while something runs, with a clock that only the test moves. */
#include "support/rv_test.h"

#include "base/text.h"
#include "cli/face.h"

#include <string.h>
#include <unistd.h>

struct scene {
    struct rv_ctx ctx;
    struct rv_face face;
    uint64_t now_ms;
    FILE *caught;
    long read; /* of it, so far */
    int stderr_copy;
};

static void open_scene(struct scene *s, bool terminal)
{
    memset(s, 0, sizeof *s);
    s->now_ms = 1000;
    rv_clock_fake(&s->ctx.clock, &s->now_ms);
    s->face.ctx = &s->ctx;
    s->face.tty_err = terminal;
    s->face.width = 100;
    s->caught = tmpfile();
    assert_non_null(s->caught);
    fflush(stderr);
    s->stderr_copy = dup(2);
    assert_true(s->stderr_copy >= 0 && dup2(fileno(s->caught), 2) == 2);
}

/* What was shown since the last call; the caller's buffer. */
static const char *shown(struct scene *s, char *out, size_t room)
{
    fflush(stderr);
    fseek(s->caught, s->read, SEEK_SET);
    size_t len = fread(out, 1, room - 1, s->caught);
    out[len] = '\0';
    s->read += (long)len;
    return out;
}

static void close_scene(struct scene *s)
{
    fflush(stderr);
    assert_int_equal(dup2(s->stderr_copy, 2), 2);
    close(s->stderr_copy);
    fclose(s->caught);
}

static void says(struct scene *s, const char *wanted)
{
    char text[4096];
    if (strstr(shown(s, text, sizeof text), wanted) == NULL) {
        close_scene(s);
        fail_msg("not \"%s\" but: %s", wanted, text);
    }
}

static void step(struct scene *s, const char *words)
{
    struct rv_event event = { .kind = RV_EVENT_STEP, .step = "load", .text = words, .percent = -1 };
    rv_progress_show(&s->face, &event);
}

static void bytes(struct scene *s, uint64_t done, uint64_t total)
{
    struct rv_event event = { .kind = RV_EVENT_PROGRESS, .step = "load", .done = done, .total = total, .percent = -1 };
    rv_progress_show(&s->face, &event);
}

static void the_time_left_is_what_the_rate_so_far_says(void **state)
{
    (void)state;
    char text[4096];
    struct scene s;
    open_scene(&s, false);
    step(&s, "Loading the firmware");
    says(&s, "Loading the firmware");
    const uint64_t total = 600000000; /* at 2 MB/s: 300 s */
    for (unsigned second = 1; second <= 290; second++) {
        s.now_ms += 1000;
        bytes(&s, second * UINT64_C(2000000), total);
        char wanted[64];
        unsigned left = 300 - second;
        if (left >= 90)
            snprintf(wanted, sizeof wanted, "2.0 MB/s, %u min left", (left + 30) / 60);
        else
            snprintf(wanted, sizeof wanted, "2.0 MB/s, %u s left", left);
        if (strstr(shown(&s, text, sizeof text), wanted) == NULL) {
            close_scene(&s);
            fail_msg("after %u s of 300 not \"%s\" but: %s", second, wanted, text);
        }
    }
    close_scene(&s);
}

static void a_line_that_gets_slower_is_told_to_take_longer(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, false);
    step(&s, "Loading the firmware");
    s.now_ms += 10000;
    bytes(&s, 50000000, 100000000); /* 5 MB/s: ten more */
    says(&s, "5.0 MB/s, 10 s left");
    s.now_ms += 40000;
    bytes(&s, 60000000, 100000000); /* 60 MB in 50 s: 1.2 MB/s, 33 s */
    says(&s, "1.2 MB/s, 33 s left");
    close_scene(&s);
}

static void the_next_part_has_a_rate_of_its_own(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, false);
    step(&s, "Sending the first image");
    s.now_ms += 4000;
    struct rv_event first = {
        .kind = RV_EVENT_PROGRESS, .text = "First image", .done = 4000000, .total = 4000000, .percent = 40
    };
    rv_progress_show(&s.face, &first);
    says(&s, "First image: 40 % 4.0 MB of 4.0 MB, 1.0 MB/s\n");
    s.now_ms += 2000;
    struct rv_event second = {
        .kind = RV_EVENT_PROGRESS, .text = "Second image", .done = 20000000, .total = 40000000, .percent = 35
    };
    rv_progress_show(&s.face, &second);
    /* Ten times as fast; and the whole job never goes back. */
    says(&s, "Second image: 40 % 20.0 MB of 40.0 MB, 10.0 MB/s, 2 s left");
    close_scene(&s);
}

static void parts_and_steps_are_not_sold_as_bytes(void **state)
{
    (void)state;
    char text[4096];
    struct scene s;
    open_scene(&s, false);
    step(&s, "Checking");
    shown(&s, text, sizeof text);
    s.now_ms += 5000;
    struct rv_event event = { .kind = RV_EVENT_PROGRESS, .done = 3, .total = 9, .unit = "parts", .percent = 33 };
    rv_progress_show(&s.face, &event);
    assert_string_equal(shown(&s, text, sizeof text), "Checking: 33 %\n");
    close_scene(&s);
}

static void a_pipe_gets_at_most_a_line_a_second_and_a_quiet_person_none(void **state)
{
    (void)state;
    char text[4096];
    struct scene s;
    open_scene(&s, false);
    step(&s, "Loading");
    shown(&s, text, sizeof text);
    for (unsigned i = 1; i <= 30; i++) {
        s.now_ms += 100;
        bytes(&s, i * 100000, 9000000);
    }
    unsigned lines = 0;
    for (const char *at = shown(&s, text, sizeof text); *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 3);
    s.face.quiet = true;
    s.now_ms += 5000;
    bytes(&s, 8000000, 9000000);
    assert_string_equal(shown(&s, text, sizeof text), "");
    struct rv_event warning = { .kind = RV_EVENT_WARNING, .text = "The disk is nearly full.", .percent = -1 };
    rv_progress_show(&s.face, &warning);
    assert_string_equal(shown(&s, text, sizeof text), "warning: The disk is nearly full.\n");
    close_scene(&s);
}

static void a_narrow_terminal_cuts_the_words_and_never_the_figures(void **state)
{
    (void)state;
    char text[4096];
    struct scene s;
    open_scene(&s, true);
    s.face.width = 72;
    step(&s, "Looking through all the photos and films of this telephone for what is damaged");
    shown(&s, text, sizeof text);
    s.now_ms += 2000;
    bytes(&s, 2000000, 4000000);
    const char *line = shown(&s, text, sizeof text);
    assert_non_null(strstr(line, " 2.0 MB of 4.0 MB, 1.0 MB/s, 2 s left"));
    size_t columns = 0;
    for (const char *at = strchr(line, ' '); *at != '\0'; at++)
        columns += ((unsigned char)*at & 0xC0) != 0x80;
    if (columns >= 72)
        fail_msg("%zu columns: %s", columns, line);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_left_is_what_the_rate_so_far_says),
        cmocka_unit_test(a_line_that_gets_slower_is_told_to_take_longer),
        cmocka_unit_test(the_next_part_has_a_rate_of_its_own),
        cmocka_unit_test(parts_and_steps_are_not_sold_as_bytes),
        cmocka_unit_test(a_pipe_gets_at_most_a_line_a_second_and_a_quiet_person_none),
        cmocka_unit_test(a_narrow_terminal_cuts_the_words_and_never_the_figures),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
