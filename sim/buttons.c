/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buttons and time. The order of things (hold, black, let go of one, the other alone: DFU; hold on past the logo:
 * Recovery) is what Apple's support pages and the guides of palera1n and Legacy-iOS-Kit tell people to do. Every
 * number is [I]: chosen so that those instructions work and the usual mistakes end as people report them.
 */
#include "sim/buttons.h"

#include <string.h>

enum {
    TAP_LEAST_MS = 40, /* [I] shorter is not felt */
    TAP_MOST_MS = 1000,
    TAP_GAP_MS = 3000,   /* [I] longer between taps: they are forgotten */
    POWER_ON_MS = 2500,  /* [I] a device that is off, power button alone */
    EMERGENCY_MS = 8000, /* [I] side and a volume button on a running phone */
    TO_DFU_LEAST = 200,  /* [I] from SecureROM's decision to the bus */
    TO_DFU_MOST = 900,
    TO_RECOVERY_LEAST = 500, /* [I] from iBoot's decision to the bus */
    TO_RECOVERY_MOST = 6000,
};

/* reset: held until the screen goes black. logo: black until the logo. confirm: second button alone until DFU.
 * hold: past the logo until Recovery. chord: both held together, when the request for DFU is made of taps. */
/* clang-format off: a table */
#define PAIR_WINDOWS                                                                                                   \
    { 8000, 10000 }, { 2000, 5000 }, { 1000, 2500 }, { 2500, 4000 },                                                   \
    {                                                                                                                  \
        0, 0                                                                                                           \
    }
#define TAPS_WINDOWS                                                                                                   \
    { 9000, 10500 }, { 2000, 4000 }, { 1000, 2500 }, { 2500, 4000 },                                                   \
    {                                                                                                                  \
        3000, 8000                                                                                                     \
    }
const struct sim_windows sim_windows[] = {
    { "home-side", SIM_BUTTON_HOME, false, PAIR_WINDOWS }, { "home-top", SIM_BUTTON_HOME, false, PAIR_WINDOWS },
    { "ipad-home", SIM_BUTTON_HOME, false, PAIR_WINDOWS }, { "ipad-nohome", SIM_BUTTON_DOWN, true, TAPS_WINDOWS },
    { "iphone7", SIM_BUTTON_DOWN, false, PAIR_WINDOWS },   { "iphone8+", SIM_BUTTON_DOWN, true, TAPS_WINDOWS },
    { "ipod-home", SIM_BUTTON_HOME, false, PAIR_WINDOWS }, { "ipod7", SIM_BUTTON_DOWN, false, PAIR_WINDOWS },
};
/* clang-format on */
const size_t sim_windows_count = RV_COUNT(sim_windows);

const struct sim_windows *sim_windows_of(const char *group)
{
    for (size_t i = 0; i < sim_windows_count; i++)
        if (strcmp(sim_windows[i].group, group) == 0)
            return &sim_windows[i];
    return NULL;
}

bool sim_button_of(const char *word, enum sim_button *out)
{
    static const struct {
        const char *word;
        enum sim_button button;
    } words[] = {
        { "down", SIM_BUTTON_DOWN },    { "far", SIM_BUTTON_DOWN },    { "home", SIM_BUTTON_HOME },
        { "near", SIM_BUTTON_UP },      { "power", SIM_BUTTON_POWER }, { "side", SIM_BUTTON_POWER },
        { "top", SIM_BUTTON_POWER },    { "up", SIM_BUTTON_UP },       { "volume-down", SIM_BUTTON_DOWN },
        { "volume-up", SIM_BUTTON_UP },
    };
    for (size_t i = 0; i < RV_COUNT(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            *out = words[i].button;
            return true;
        }
    }
    return false;
}

/* splitmix64: a public-domain generator whose every output is well spread. */
static uint32_t draw(uint64_t *seed, struct sim_span_ms span)
{
    uint64_t z = (*seed += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return span.least + (uint32_t)((z ^ (z >> 31)) % (span.most - span.least + 1u));
}

void sim_buttons_init(struct sim_buttons *buttons, const struct sim_windows *windows, uint64_t seed)
{
    *buttons = (struct sim_buttons){ .windows = windows };
    buttons->reset_ms = draw(&seed, windows->reset);
    buttons->logo_ms = draw(&seed, windows->logo);
    buttons->confirm_ms = draw(&seed, windows->confirm);
    buttons->hold_ms = draw(&seed, windows->hold);
    buttons->to_dfu_ms = draw(&seed, (struct sim_span_ms){ TO_DFU_LEAST, TO_DFU_MOST });
    buttons->to_recovery_ms = draw(&seed, (struct sim_span_ms){ TO_RECOVERY_LEAST, TO_RECOVERY_MOST });
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool power(const struct sim_buttons *b)
{
    return b->down[SIM_BUTTON_POWER];
}

static bool second(const struct sim_buttons *b)
{
    return b->down[b->windows->second];
}

static uint64_t both_since(const struct sim_buttons *b)
{
    return later(b->since[SIM_BUTTON_POWER], b->since[b->windows->second]);
}

bool sim_buttons_held(const struct sim_buttons *buttons)
{
    for (int i = 0; i < SIM_BUTTON_COUNT; i++)
        if (buttons->down[i])
            return true;
    return false;
}

void sim_buttons_body(struct sim_buttons *buttons, uint64_t now_ms, enum sim_body body)
{
    buttons->body = body;
    buttons->body_since = now_ms;
    buttons->start = SIM_START_STILL;
    buttons->emergency = false;
    buttons->alone_since = 0;
}

void sim_buttons_start(struct sim_buttons *buttons, uint64_t now_ms, bool cold)
{
    sim_buttons_body(buttons, now_ms, SIM_BODY_STARTING);
    buttons->start = SIM_START_ROM;
    buttons->start_since = now_ms;
    /* A device that gets power by the cable with the second button held goes to Recovery, never to DFU. */
    buttons->may_dfu = !cold && power(buttons) && (buttons->windows->taps || second(buttons));
}

/* ---- fingers ---- */

static bool was_tap(const struct sim_buttons *b, enum sim_button button, uint64_t now)
{
    uint64_t held = now - b->since[button];
    return held >= TAP_LEAST_MS && held <= TAP_MOST_MS;
}

static void arm(struct sim_buttons *b, uint64_t now, enum sim_button button, bool down)
{
    bool fresh = now - b->armed_at <= TAP_GAP_MS;
    unsigned was = b->armed;
    if (button == SIM_BUTTON_POWER)
        b->armed = down && was == 2 && fresh ? 3 : 0;
    else if (was == 3)
        b->armed = b->start == SIM_START_STILL ? 0 : 3; /* a volume button in between: no restart any more */
    else if (down)
        b->armed = button == b->windows->second && was == 1 && fresh ? 1 : 0;
    else if (!was_tap(b, button, now))
        b->armed = 0;
    else if (button == SIM_BUTTON_UP)
        b->armed = 1;
    else
        b->armed = was == 1 ? 2 : 0;
    if (b->armed != was || !down)
        b->armed_at = now;
}

/* SecureROM looks at what is let go, and when. */
static void let_go_in_rom(struct sim_buttons *b, uint64_t now, enum sim_button button)
{
    bool taps = b->windows->taps;
    if (button == b->windows->second) {
        b->alone_since = 0;
        b->may_dfu = b->may_dfu && taps && power(b); /* it may be pressed again while power is held */
    } else if (button == SIM_BUTTON_POWER) {
        bool long_enough = !taps || now - both_since(b) >= b->windows->chord.least;
        b->alone_since = b->may_dfu && second(b) && long_enough ? now : 0;
        b->may_dfu = b->alone_since != 0;
    }
}

void sim_buttons_move(struct sim_buttons *buttons, uint64_t now_ms, enum sim_button button, bool down)
{
    if (buttons->down[button] == down)
        return;
    if (buttons->windows->taps && button != SIM_BUTTON_HOME)
        arm(buttons, now_ms, button, down);
    if (!down && buttons->start == SIM_START_ROM)
        let_go_in_rom(buttons, now_ms, button);
    buttons->down[button] = down;
    buttons->since[button] = now_ms;
    if (!sim_buttons_held(buttons))
        buttons->emergency = false;
}

/* ---- what comes of it ---- */

struct forecast {
    enum sim_push push;
    uint64_t at;
};

static const struct forecast nothing = { SIM_PUSH_NOTHING, UINT64_MAX };

/* A device that does something else meanwhile begins to count when it has arrived there. */
static uint64_t held_for(const struct sim_buttons *b, uint64_t since, uint32_t ms)
{
    return later(since, b->body_since) + ms;
}

static struct forecast in_still(const struct sim_buttons *b)
{
    bool off = b->body == SIM_BODY_OFF;
    if (!power(b))
        return nothing;
    if (!b->windows->taps && second(b))
        return (struct forecast){ SIM_PUSH_RESET, held_for(b, both_since(b), b->reset_ms) };
    if (off)
        return (struct forecast){ SIM_PUSH_RESET, held_for(b, b->since[SIM_BUTTON_POWER], POWER_ON_MS) };
    if (b->windows->taps && b->armed == 3)
        return (struct forecast){ SIM_PUSH_RESET, held_for(b, b->since[SIM_BUTTON_POWER], b->reset_ms) };
    bool volume = b->down[SIM_BUTTON_UP] || b->down[SIM_BUTTON_DOWN];
    if (b->windows->taps && b->body == SIM_BODY_RUNS && volume && !b->emergency) {
        uint64_t other = b->down[SIM_BUTTON_UP] ? b->since[SIM_BUTTON_UP] : b->since[SIM_BUTTON_DOWN];
        return (struct forecast){ SIM_PUSH_EMERGENCY,
                                  held_for(b, later(other, b->since[SIM_BUTTON_POWER]), EMERGENCY_MS) };
    }
    return nothing;
}

static struct forecast in_rom(const struct sim_buttons *b)
{
    uint64_t logo_at = b->start_since + b->logo_ms;
    if (b->alone_since != 0)
        return (struct forecast){ SIM_PUSH_TO_DFU, later(b->alone_since, b->start_since) + b->confirm_ms };
    if (b->windows->taps && b->may_dfu && power(b) && second(b))
        return (struct forecast){ SIM_PUSH_LOGO, later(logo_at, both_since(b) + b->windows->chord.most) };
    return (struct forecast){ SIM_PUSH_LOGO, logo_at };
}

static struct forecast in_iboot(const struct sim_buttons *b)
{
    bool asked = b->windows->taps ? power(b) : second(b);
    if (!asked)
        return (struct forecast){ SIM_PUSH_TO_BOOT, b->start_since };
    return (struct forecast){ SIM_PUSH_TO_RECOVERY, b->start_since + b->hold_ms };
}

static struct forecast look_ahead(const struct sim_buttons *b)
{
    if (b->start == SIM_START_ROM)
        return in_rom(b);
    if (b->start == SIM_START_IBOOT)
        return in_iboot(b);
    return in_still(b);
}

uint64_t sim_buttons_due(const struct sim_buttons *buttons)
{
    return look_ahead(buttons).at;
}

enum sim_push sim_buttons_act(struct sim_buttons *buttons, uint64_t now_ms)
{
    struct forecast next = look_ahead(buttons);
    if (next.at > now_ms)
        return SIM_PUSH_NOTHING;
    switch (next.push) {
    case SIM_PUSH_RESET:
        sim_buttons_start(buttons, next.at, buttons->body == SIM_BODY_OFF && !second(buttons));
        break;
    case SIM_PUSH_LOGO:
        buttons->start = SIM_START_IBOOT;
        buttons->start_since = next.at;
        break;
    case SIM_PUSH_TO_BOOT:
        sim_buttons_body(buttons, now_ms, SIM_BODY_STARTING);
        break;
    case SIM_PUSH_TO_RECOVERY:
        sim_buttons_body(buttons, UINT64_MAX / 2, SIM_BODY_RECOVERY); /* deaf until it is there */
        break;
    case SIM_PUSH_TO_DFU:
        sim_buttons_body(buttons, UINT64_MAX / 2, SIM_BODY_DFU);
        break;
    case SIM_PUSH_EMERGENCY:
        buttons->emergency = true;
        break;
    case SIM_PUSH_NOTHING:
        break;
    }
    return next.push;
}
