/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between this computer and Apple's servers: most of what people see as errors 3194 and 3004. */
#include "care/checkup.h"

#include "base/text.h"
#include "transport/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ANSWER_MS = 10000, REPLY_MAX = 1024 * 1024 };
#define SIGNING_SERVER "https://gs.apple.com/TSS/controller?action=2"

/* ---- hosts file ---- */

struct hosts {
    unsigned count, first;
    char line[160];
};

static bool hosts_line(void *context, const char *text, unsigned number)
{
    struct hosts *h = context;
    char before[512];
    snprintf(before, sizeof before, "%.*s", (int)strcspn(text, "#"), text);
    if (strcasestr(before, "apple.com") == NULL && strcasestr(before, "cdn-apple") == NULL)
        return true;
    if (h->count++ == 0) {
        h->first = number;
        snprintf(h->line, sizeof h->line, "%.150s", before);
    }
    return true;
}

void rv_look_hosts_file(struct rv_doctor *doctor, struct rv_finding *out)
{
    struct hosts hosts = { .count = 0 };
    if (!rv_doctor_lines(doctor, "/etc/hosts", hosts_line, &hosts)) {
        rv_found(out, RV_HEALTH_UNKNOWN, "/etc/hosts cannot be read.");
    } else if (hosts.count == 0) {
        rv_found(out, RV_HEALTH_FINE, "/etc/hosts sends no Apple server elsewhere.");
    } else {
        rv_found(out, RV_HEALTH_TROUBLE, "/etc/hosts sends Apple's servers elsewhere in %u line%s; line %u: %s",
                 hosts.count, hosts.count == 1 ? "" : "s", hosts.first, hosts.line);
        rv_mend(out, "sudo sed -i.before-revive '/apple\\.com\\|cdn-apple/s/^[^#]/# &/' /etc/hosts");
    }
}

/* ---- proxy and clock ---- */

void rv_look_proxy(struct rv_doctor *doctor, struct rv_finding *out)
{
    static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY" };
    (void)doctor;
    for (size_t i = 0; i < RV_COUNT(names); i++) {
        const char *value = getenv(names[i]);
        if (value == NULL || *value == '\0')
            continue;
        rv_found(out, RV_HEALTH_NOTE,
                 "%s is set. The signing server may be reached by it, but a restoring device needs plain Internet.",
                 names[i]); /* its value may hold a password */
        rv_mend(out, "unset %s", names[i]);
        return;
    }
    rv_found(out, RV_HEALTH_FINE, "None is set.");
}

/* "Sat, 21 Nov 2026 19:50:00 GMT" (RFC 9110 section 5.6.7); 0: it is none. */
static time_t http_date(const char *text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char parts[6][8] = { "" };
    uint64_t day, year, hour, minute, second;
    const char *at = text;
    for (size_t i = 0; i < RV_COUNT(parts); i++) {
        at += strspn(at, ", :");
        size_t len = strcspn(at, ", :");
        snprintf(parts[i], sizeof parts[i], "%.*s", (int)(len < 7 ? len : 7), at);
        at += len;
    }
    snprintf(parts[0], sizeof parts[0], "%.2s", at + strspn(at, ":")); /* the name of the day is not needed */
    const char *month = strlen(parts[2]) == 3 ? strstr(months, parts[2]) : NULL;
    if (month == NULL || !rv_text_number(parts[1], 10, &day) || !rv_text_number(parts[3], 10, &year) ||
        !rv_text_number(parts[4], 10, &hour) || !rv_text_number(parts[5], 10, &minute) ||
        !rv_text_number(parts[0], 10, &second) || year < 1970 || year > 9999)
        return 0;
    struct tm utc = { .tm_mday = (int)day,
                      .tm_mon = (int)(month - months) / 3,
                      .tm_year = (int)year - 1900,
                      .tm_hour = (int)hour,
                      .tm_min = (int)minute,
                      .tm_sec = (int)second };
    return timegm(&utc);
}

static void take_date(void *context, const char *name, const char *value)
{
    if (rv_text_equal_nocase(name, "Date"))
        *(time_t *)context = http_date(value);
}

/* What a server says the time is; 0: none could be asked. */
static time_t server_time(struct rv_doctor *doctor)
{
    struct rv_error unheard = { 0 };
    const char *own = doctor->ctx->settings.apple_tss;
    time_t told = 0;
    struct rv_http_request request = { .url = own != NULL ? own : SIGNING_SERVER,
                                       .header = take_date,
                                       .header_context = &told,
                                       .reply_cap_bytes = REPLY_MAX,
                                       .timeout_ms = ANSWER_MS };
    struct rv_http_reply reply = { .status = 0 };
    if (!doctor->offline)
        (void)rv_http_do(doctor->ctx, &request, &reply, &unheard);
    rv_http_reply_clear(&reply);
    return told;
}

void rv_look_clock(struct rv_doctor *doctor, struct rv_finding *out)
{
    static const time_t built = 1767225600; /* 2026-01-01: this program is not older */
    enum { MINUTE = 60, DAY = 24 * 3600, TOLERATED = 10 * MINUTE };
    time_t now = time(NULL);
    struct tm utc;
    char text[32] = "";
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
    time_t told = now < built ? 0 : server_time(doctor), off = told == 0 ? 0 : now > told ? now - told : told - now;
    if (now < built)
        rv_found(out, RV_HEALTH_TROUBLE,
                 "It shows %s, which is in the past: certificates of servers look as if they were not valid yet.",
                 text);
    else if (off > TOLERATED)
        rv_found(out, off > DAY ? RV_HEALTH_TROUBLE : RV_HEALTH_NOTE,
                 "It shows %s, %lld minutes %s the server's clock%s.", text, (long long)off / MINUTE,
                 now > told ? "ahead of" : "behind",
                 off > DAY ? ": certificates of servers may look as if they were not valid" : "");
    else
        rv_found(out, RV_HEALTH_FINE, "It shows %s%s.", text, told != 0 ? ", as a server's clock does" : "");
    if (out->health != RV_HEALTH_FINE)
        rv_mend(out, "sudo timedatectl set-ntp true");
}

/* ---- servers ---- */

/* Any answer in HTTP will do: it shows that the name, the way and the certificate are right. */
static void ask(struct rv_doctor *doctor, const char *url, const char *what, struct rv_finding *out)
{
    struct rv_error err = { 0 };
    struct rv_http_request request = { .url = url, .reply_cap_bytes = REPLY_MAX, .timeout_ms = ANSWER_MS };
    struct rv_http_reply reply = { .status = 0 };
    bool answered = rv_http_do(doctor->ctx, &request, &reply, &err);
    rv_http_reply_clear(&reply);
    if (answered || err.code == RV_E_LIMIT) {
        rv_found(out, RV_HEALTH_FINE, "%.150s answers.", url);
        return;
    }
    rv_found(out, RV_HEALTH_TROUBLE, "%.150s cannot be reached: %.180s", url, err.text[0]);
    rv_mend(out, "turn off VPN, proxy and filters, or try another network (a phone's hotspot); needed for: %s", what);
}

void rv_look_signing_server(struct rv_doctor *doctor, struct rv_finding *out)
{
    const char *own = doctor->ctx->settings.apple_tss;
    ask(doctor, own != NULL ? own : SIGNING_SERVER, "every update and restore", out);
}

/* A setting that sends signing elsewhere is a test or a mirror: the real servers are then not asked either. */
static void ask_apple(struct rv_doctor *doctor, const char *url, const char *what, struct rv_finding *out)
{
    if (doctor->ctx->settings.apple_tss != NULL)
        rv_found(out, RV_HEALTH_UNKNOWN, "Not asked: REVIVE_APPLE_TSS stands for Apple's servers.");
    else
        ask(doctor, url, what, out);
}

void rv_look_activation_server(struct rv_doctor *doctor, struct rv_finding *out)
{
    ask_apple(doctor, "https://albert.apple.com/", "activation and factory data during a restore", out);
}

void rv_look_version_server(struct rv_doctor *doctor, struct rv_finding *out)
{
    ask_apple(doctor, "https://gdmf.apple.com/v2/pmv", "finding out what is still signed", out);
}

void rv_look_download_server(struct rv_doctor *doctor, struct rv_finding *out)
{
    ask_apple(doctor, "https://updates.cdn-apple.com/", "downloading firmware", out);
}
