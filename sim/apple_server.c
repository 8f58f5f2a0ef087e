/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP of Apple's side: the signing server's one page, the firmware host, and a switch for faults. */
#include "sim/apple_server.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/json.h"
#include "sim/tss.h"
#include "sim/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BODY_CAP = 8 << 20, TLS_FILE_CAP = 64 << 10, SILENCE_MS = 600 * 1000, LINE_CAP = 1 << 20 };

static struct sim_apple *servers; /* all that were started */
static pthread_mutex_t servers_lock = PTHREAD_MUTEX_INITIALIZER;

struct exchange {
    struct rv_buf body;
    bool too_large;
};

/* ---- record, faults ---- */

const char *sim_apple_json(const char *text, char *out, size_t out_size)
{
    size_t at = 0;
    out[at++] = '"';
    for (const unsigned char *c = (const unsigned char *)text; *c && at + 8 < out_size; c++) {
        if (*c == '"' || *c == '\\')
            at += (size_t)snprintf(out + at, out_size - at, "\\%c", *c);
        else if (*c < 0x20 || *c > 0x7e)
            at += (size_t)snprintf(out + at, out_size - at, "\\u%04x", *c);
        else
            out[at++] = (char)*c;
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}

void sim_apple_record(struct sim_apple *apple, const char *fields)
{
    if (!apple->record)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    RV_AUTO_CLEAR(rv_buf) line = RV_BUF(LINE_CAP);
    struct rv_error err = { 0 };
    pthread_mutex_lock(&apple->lock);
    RV_AUTO_FD fd = open(apple->record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0 && rv_buf_add_format(&line, &err, "{\"time\":%lld.%03ld,%s}\n", (long long)now.tv_sec,
                                     now.tv_nsec / 1000000, fields))
        rv_fd_write_all(fd, rv_buf_span(&line), &err);
    pthread_mutex_unlock(&apple->lock);
}

struct sim_apple_faults sim_apple_faults_now(struct sim_apple *apple, bool for_file)
{
    pthread_mutex_lock(&apple->lock);
    struct sim_apple_faults faults = apple->faults;
    if (for_file && apple->faults.file_change_after > 0 && --apple->faults.file_change_after == 0)
        apple->faults.file_change++;
    pthread_mutex_unlock(&apple->lock);
    return faults;
}

void sim_apple_wait(uint64_t ms)
{
    while (ms) {
        int part = ms > 60000 ? 60000 : (int)ms;
        poll(NULL, 0, part);
        ms -= (uint64_t)part;
    }
}

/* ---- answers ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, struct rv_span body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.ptr, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return answer(connection, status, "text/plain", rv_span(text, strlen(text)));
}

/* The whole request, for holding two clients against each other. */
static void add_request(struct rv_buf *out, struct MHD_Connection *connection, struct rv_span body)
{
    struct rv_error err = { 0 };
    const char *agent = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "User-Agent");
    plist_t request = sim_plist_parse(body);
    size_t before = out->len;
    if (!rv_buf_add_text(out, ",\"agent\":", &err) || !sim_json_add_text(out, agent != NULL ? agent : "", &err) ||
        (request != NULL && (!rv_buf_add_text(out, ",\"request\":", &err) || !sim_json_add_plist(out, request, &err))))
        out->len = before;
    plist_free(request);
}

static void record_tss(struct sim_apple *apple, unsigned http, const struct sim_tss_summary *s,
                       struct MHD_Connection *connection, struct rv_span body)
{
    RV_AUTO_CLEAR(rv_buf) all = RV_BUF(LINE_CAP - 64);
    struct rv_error err = { 0 };
    if (apple->record == NULL)
        return;
    char message[300], kind[120], fields[1400];
    snprintf(fields, sizeof fields,
             "\"server\":\"tss\",\"http\":%u,\"status\":%d,\"message\":%s,\"kind\":%s,\"ecid\":\"0x%llx\","
             "\"build_id\":\"%s\",\"build\":\"%s\",\"behavior\":\"%s\",\"ap_nonce\":\"%s\",\"sep_nonce\":\"%s\","
             "\"components\":%u",
             http, s->status, sim_apple_json(s->message, message, sizeof message),
             sim_apple_json(s->kind, kind, sizeof kind), (unsigned long long)s->ecid, s->build_id, s->build,
             s->behavior, s->ap_nonce, s->sep_nonce, s->components);
    if (!rv_buf_add_text(&all, fields, &err))
        return;
    add_request(&all, connection, body);
    if (rv_buf_add(&all, rv_span("", 1), &err))
        sim_apple_record(apple, (const char *)all.data);
}

static enum MHD_Result answer_tss(struct sim_apple *apple, struct MHD_Connection *connection, struct exchange *ex)
{
    struct sim_apple_faults faults = sim_apple_faults_now(apple, false);
    struct sim_tss_summary summary = { 0 };
    struct rv_error err = { 0 };
    const struct rv_span body = rv_buf_span(&ex->body);
    sim_apple_wait(faults.delay_ms);
    if (faults.silence) {
        snprintf(summary.message, sizeof summary.message, "silence");
        record_tss(apple, 0, &summary, connection, body);
        sim_apple_wait(SILENCE_MS);
        return MHD_NO;
    }
    if (faults.http_status) {
        snprintf(summary.message, sizeof summary.message, "HTTP fault");
        record_tss(apple, (unsigned)faults.http_status, &summary, connection, body);
        return say(connection, (unsigned)faults.http_status, "<html><body>out of order</body></html>");
    }
    if (ex->too_large)
        return say(connection, MHD_HTTP_CONTENT_TOO_LARGE, "too large");
    const struct sim_tss tss = { apple->pki, apple->files, faults.refuse_status,
                                 faults.refuse_build[0] ? faults.refuse_build : NULL };
    RV_AUTO(rv_blob) reply = sim_tss_answer(&tss, body, &summary, &err);
    if (!reply)
        snprintf(summary.message, sizeof summary.message, "%.120s", err.text[0]);
    record_tss(apple, reply ? 200 : 500, &summary, connection, body);
    if (!reply)
        return say(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "the simulator cannot sign");
    if (faults.garbage)
        return say(connection, MHD_HTTP_OK, "<html><body>It works!</body></html>");
    return answer(connection, MHD_HTTP_OK, "text/html", rv_blob_span(reply));
}

struct setting {
    struct sim_apple *apple;
    struct rv_error err;
    bool ok;
};

static enum MHD_Result set_fault(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct setting *s = context;
    pthread_mutex_lock(&s->apple->lock);
    s->ok = s->ok && sim_apple_fault_set(&s->apple->faults, name, value ? value : "", &s->err);
    pthread_mutex_unlock(&s->apple->lock);
    return s->ok ? MHD_YES : MHD_NO;
}

static enum MHD_Result answer_settings(struct sim_apple *apple, struct MHD_Connection *connection)
{
    struct setting s = { .apple = apple, .ok = true };
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, set_fault, &s);
    return say(connection, s.ok ? MHD_HTTP_OK : MHD_HTTP_BAD_REQUEST, s.ok ? "ok\n" : s.err.text[0]);
}

/* ---- one request ---- */

static void take_body(struct exchange *ex, const char *data, size_t len)
{
    struct rv_error err = { 0 };
    if (!ex->too_large && !rv_buf_add(&ex->body, rv_span(data, len), &err))
        ex->too_large = true;
}

/* A client that takes this server for its HTTP proxy names the whole address ("http://gs.apple.com/TSS/…"): that is
 * how a program with fixed addresses is brought here. */
static const char *path_of(const char *url)
{
    const char *host = rv_text_starts(url, "http://") ? url + strlen("http://") : NULL;
    const char *path = host != NULL ? strchr(host, '/') : NULL;
    return path != NULL ? path : url;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *len, void **own)
{
    struct sim_apple *apple = context;
    struct exchange *ex = *own;
    (void)version;
    if (!ex) {
        ex = rv_alloc(sizeof *ex);
        if (!ex)
            return MHD_NO;
        ex->body = (struct rv_buf)RV_BUF(BODY_CAP);
        *own = ex;
        return MHD_YES;
    }
    if (*len) {
        take_body(ex, data, *len);
        *len = 0;
        return MHD_YES;
    }
    url = path_of(url);
    if (strcmp(url, "/TSS/controller") == 0) {
        const char *action = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "action");
        if (strcmp(method, "POST") != 0 || !action || strcmp(action, "2") != 0)
            return say(connection, MHD_HTTP_NOT_FOUND, "no such page");
        return answer_tss(apple, connection, ex);
    }
    if (strcmp(url, "/sim/set") == 0)
        return answer_settings(apple, connection);
    bool head = strcmp(method, "HEAD") == 0;
    /* A key may be asked for with a post too. */
    if (!head && strcmp(method, "GET") != 0 && !rv_text_starts(url, "/fcs-keys/"))
        return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD or POST");
    if (sim_apple_is_catalog(url))
        return sim_apple_catalog(apple, connection, url);
    return sim_apple_file(apple, connection, url, head);
}

static void on_done(void *context, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode why)
{
    (void)context, (void)connection, (void)why;
    struct exchange *ex = *own;
    if (ex) {
        rv_buf_clear(&ex->body);
        rv_free(ex);
    }
    *own = NULL;
}

/* ---- start ---- */

static bool read_address(const char *text, struct sockaddr_in *out, struct rv_error *err)
{
    const char *colon = text ? strrchr(text, ':') : NULL;
    char host[64];
    uint64_t port = 0;
    *out = (struct sockaddr_in){ .sin_family = AF_INET };
    if (!colon || (size_t)(colon - text) >= sizeof host || !rv_text_number(colon + 1, 10, &port) || port > UINT16_MAX)
        return rv_fail(err, RV_E_USAGE, "%s is no address (127.0.0.1:PORT)", text ? text : "");
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &out->sin_addr) != 1)
        return rv_fail(err, RV_E_USAGE, "%s is no address (127.0.0.1:PORT)", text);
    out->sin_port = htons((uint16_t)port);
    return true;
}

static char *read_text(const char *folder, const char *leaf, struct rv_error *err)
{
    RV_AUTO_TEXT path = rv_path_join(folder, leaf, err);
    RV_AUTO(rv_blob) bytes = path ? rv_file_read(path, TLS_FILE_CAP, err) : NULL;
    char *text = bytes ? rv_text_copy_n((const char *)bytes->data, bytes->len) : NULL;
    if (bytes && !text)
        rv_fail_nomem(err);
    return text;
}

static bool load_tls(struct sim_apple *apple, const char *kind, struct rv_error *err)
{
    char leaf[64];
    if (!kind)
        return true;
    snprintf(leaf, sizeof leaf, "tls-%s.pem", kind);
    apple->tls_key = read_text(apple->pki, "tls.key", err);
    apple->tls_chain = apple->tls_key ? read_text(apple->pki, leaf, err) : NULL;
    return apple->tls_chain != NULL;
}

static bool start_daemon(struct sim_apple *apple, const char *listen, unsigned *port, struct rv_error *err)
{
    struct sockaddr_in address;
    if (!read_address(listen, &address, err))
        return false;
    bool tls = apple->tls_chain != NULL;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | (tls ? MHD_USE_TLS : 0);
    apple->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, apple, MHD_OPTION_SOCK_ADDR, &address,
                                     MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U,
                                     tls ? MHD_OPTION_HTTPS_MEM_KEY : MHD_OPTION_END, apple->tls_key,
                                     MHD_OPTION_HTTPS_MEM_CERT, apple->tls_chain, MHD_OPTION_END);
    if (!apple->daemon)
        return rv_fail_sys(err, RV_E_IO, errno, "cannot serve at %s", listen);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(apple->daemon, MHD_DAEMON_INFO_BIND_PORT);
    *port = info ? info->port : 0;
    return true;
}

static bool copy_options(struct sim_apple *apple, const struct sim_apple_options *options, struct rv_error *err)
{
    apple->pki = rv_text_copy(options->pki);
    apple->files = rv_text_copy(options->files);
    apple->record = rv_text_copy(options->record);
    apple->faults.refuse_status = options->refuse_status;
    if (!apple->pki || (options->files && !apple->files) || (options->record && !apple->record))
        return rv_fail_nomem(err);
    for (const char *const *word = options->faults; word && *word; word++) {
        char name[64];
        const char *equals = strchr(*word, '=');
        snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - *word) : 0, *word);
        if (!sim_apple_fault_set(&apple->faults, name, equals ? equals + 1 : "", err))
            return false;
    }
    return true;
}

bool sim_apple_start(const struct sim_apple_options *options, unsigned *port, struct rv_error *err)
{
    struct sim_apple *apple = rv_alloc(sizeof *apple);
    if (!apple)
        return rv_fail_nomem(err);
    pthread_mutex_init(&apple->lock, NULL);
    bool ok = copy_options(apple, options, err) && sim_pki_make(apple->pki, err) &&
              load_tls(apple, options->tls, err) && start_daemon(apple, options->listen, port, err);
    if (!ok) {
        rv_free(apple->pki);
        rv_free(apple->files);
        rv_free(apple->record);
        rv_free(apple->tls_key);
        rv_free(apple->tls_chain);
        pthread_mutex_destroy(&apple->lock);
        rv_free(apple);
        return rv_while(err, "starting Apple's side");
    }
    pthread_mutex_lock(&servers_lock);
    apple->next = servers;
    servers = apple;
    pthread_mutex_unlock(&servers_lock);
    return true;
}
