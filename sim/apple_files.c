/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware host: whole files and single ranges, with ETag and If-Range, and the ways in which hosts fail. */
#include "sim/apple_server.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/aea.h"
#include "sim/build_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEYS "/fcs-keys/"
enum { BLOCK = 64 << 10, MANIFEST_CAP = 32 << 20 };

/* ---- names ---- */

/* "/NAME.ipsw" and "/NAME/NAME.ipsw" -> the file; anything with a path of its own is refused. */
static char *file_of(const struct sim_apple *apple, const char *url)
{
    struct rv_error err = { 0 };
    const char *leaf = strrchr(url, '/');
    leaf = leaf ? leaf + 1 : url;
    if (!apple->files || leaf[0] == '.' || !rv_text_ends(leaf, ".ipsw"))
        return NULL;
    char *path = rv_path_join(apple->files, leaf, &err);
    if (path && rv_file_exists(path))
        return path;
    rv_free(path);
    return NULL;
}

/* "/NAME/BuildManifest.plist" -> that of NAME.ipsw. */
static struct rv_blob *manifest_of(const struct sim_apple *apple, const char *url)
{
    struct rv_error err = { 0 };
    const char *name = url[0] == '/' ? url + 1 : url, *slash = strchr(name, '/');
    char leaf[256];
    if (!apple->files || !slash || strcmp(slash, "/BuildManifest.plist") != 0 || name[0] == '.')
        return NULL;
    if (snprintf(leaf, sizeof leaf, "%.*s.ipsw", (int)(slash - name), name) >= (int)sizeof leaf)
        return NULL;
    RV_AUTO_TEXT path = rv_path_join(apple->files, leaf, &err);
    return path ? sim_ipsw_file(path, "BuildManifest.plist", MANIFEST_CAP, &err) : NULL;
}

/* ---- ranges ---- */

struct range {
    uint64_t first, length;
    bool partial, impossible;
};

/* RFC 9110 section 14: one range of bytes; several are answered whole. */
static struct range read_range(const char *text, uint64_t size)
{
    struct range whole = { 0, size, false, false };
    char first_text[24], last_text[24];
    if (!text || !rv_text_starts(text, "bytes=") || strchr(text, ','))
        return whole;
    const char *from = text + strlen("bytes="), *dash = strchr(from, '-');
    if (!dash || (size_t)(dash - from) >= sizeof first_text || strlen(dash + 1) >= sizeof last_text)
        return whole;
    snprintf(first_text, sizeof first_text, "%.*s", (int)(dash - from), from);
    snprintf(last_text, sizeof last_text, "%s", dash + 1);
    uint64_t first = 0, last = size ? size - 1 : 0, n = 0;
    if (!first_text[0]) { /* the last n bytes */
        if (!rv_text_number(last_text, 10, &n))
            return whole;
        first = n < size ? size - n : 0;
        if (n == 0)
            return (struct range){ .impossible = true };
    } else if (!rv_text_number(first_text, 10, &first) || (last_text[0] && !rv_text_number(last_text, 10, &last))) {
        return whole;
    }
    if (last >= size)
        last = size ? size - 1 : 0;
    if (first >= size || first > last)
        return (struct range){ .impossible = true };
    return (struct range){ first, last - first + 1, true, false };
}

/* ---- the body ---- */

struct body {
    int fd;
    uint64_t first, length, sent;
    struct sim_apple_faults faults;
};

static ssize_t read_body(void *context, uint64_t at, char *to, size_t room)
{
    struct body *b = context;
    if (b->faults.file_cut && b->sent >= b->faults.file_cut)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (at >= b->length)
        return MHD_CONTENT_READER_END_WITH_ERROR; /* the length that was promised was a lie */
    if (b->faults.file_throttle) {
        uint64_t piece = b->faults.file_throttle / 20 + 1; /* twenty pieces a second */
        room = room < piece ? room : (size_t)piece;
        sim_apple_wait(50);
    }
    if (room > b->length - at)
        room = (size_t)(b->length - at);
    if (b->faults.file_cut && room > b->faults.file_cut - b->sent)
        room = (size_t)(b->faults.file_cut - b->sent);
    ssize_t n = pread(b->fd, to, room, (off_t)(b->first + at));
    if (n <= 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    uint64_t flip = b->faults.file_flip, place = b->first + at;
    if (flip && flip > place && flip - 1 - place < (uint64_t)n)
        to[flip - 1 - place] = (char)(to[flip - 1 - place] ^ 1);
    b->sent += (uint64_t)n;
    return n;
}

static void free_body(void *context)
{
    struct body *b = context;
    close(b->fd);
    rv_free(b);
}

static struct MHD_Response *file_response(int fd, struct range range, const struct sim_apple_faults *faults)
{
    struct body *b = rv_alloc(sizeof *b);
    if (!b) {
        close(fd);
        return NULL;
    }
    *b = (struct body){ .fd = fd, .first = range.first, .length = range.length, .faults = *faults };
    uint64_t stated = range.length;
    if (faults->file_length < 0) /* shorter than it is */
        stated -= stated < (uint64_t)-faults->file_length ? stated : (uint64_t)-faults->file_length;
    else
        stated += (uint64_t)faults->file_length;
    struct MHD_Response *response = MHD_create_response_from_callback(stated, BLOCK, read_body, b, free_body);
    if (!response)
        free_body(b);
    return response;
}

/* What names this state of the file; a file that "changed" was written N seconds later. */
struct names {
    char etag[64], modified[64];
};

static struct names names_of(const struct stat *st, const struct sim_apple_faults *faults)
{
    struct names names = { .etag = "" };
    time_t at = st->st_mtime - 86400 + (time_t)faults->file_change; /* long ago, or a date is no proof (RFC 9110) */
    struct tm when;
    if (faults->file_nameless)
        return names;
    if (!faults->file_no_etag)
        snprintf(names.etag, sizeof names.etag, "\"%llx-%llx.%lx.%llx\"", (unsigned long long)st->st_size,
                 (unsigned long long)st->st_mtime, (unsigned long)st->st_mtim.tv_nsec,
                 (unsigned long long)faults->file_change);
    if (gmtime_r(&at, &when))
        strftime(names.modified, sizeof names.modified, "%a, %d %b %Y %H:%M:%S GMT", &when);
    return names;
}

static void add_headers(struct MHD_Response *response, uint64_t size, const struct names *names, struct range range)
{
    char text[128];
    if (names->etag[0])
        MHD_add_response_header(response, "ETag", names->etag);
    MHD_add_response_header(response, "Accept-Ranges", "bytes");
    MHD_add_response_header(response, "Content-Type", "application/octet-stream");
    if (names->modified[0])
        MHD_add_response_header(response, "Last-Modified", names->modified);
    if (range.impossible)
        snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)size);
    else
        snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)range.first,
                 (unsigned long long)(range.first + range.length - 1), (unsigned long long)size);
    if (range.partial || range.impossible)
        MHD_add_response_header(response, "Content-Range", text);
}

static void record_file(struct sim_apple *apple, const char *url, const char *method, unsigned status,
                        struct range range)
{
    char quoted[400], fields[600];
    snprintf(fields, sizeof fields,
             "\"server\":\"files\",\"method\":\"%s\",\"url\":%s,\"http\":%u,\"first\":%llu,\"length\":%llu", method,
             sim_apple_json(url, quoted, sizeof quoted), status, (unsigned long long)range.first,
             (unsigned long long)range.length);
    sim_apple_record(apple, fields);
}

static enum MHD_Result send_bytes(struct MHD_Connection *connection, unsigned status, struct rv_span body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.ptr, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = response ? MHD_queue_response(connection, status, response) : MHD_NO;
    if (response)
        MHD_destroy_response(response);
    return result;
}

/* The range counts when there is no If-Range or it names this very file (RFC 9110 section 13.1.5). */
static struct range wanted_range(struct MHD_Connection *connection, uint64_t size, const struct names *names,
                                 const struct sim_apple_faults *faults)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
    const char *if_range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-Range");
    bool stale = if_range && strcmp(if_range, names->etag) != 0 && strcmp(if_range, names->modified) != 0;
    struct range range = read_range(stale || faults->file_no_ranges ? NULL : text, size);
    if (range.partial && range.first >= faults->file_shift)
        range.first -= faults->file_shift;
    return range;
}

static enum MHD_Result send_file(struct sim_apple *apple, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *path)
{
    struct sim_apple_faults faults = sim_apple_faults_now(apple, true);
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            close(fd);
        return send_bytes(connection, MHD_HTTP_NOT_FOUND, RV_SPAN_TEXT("no such file"));
    }
    struct names names = names_of(&st, &faults);
    struct range range = wanted_range(connection, (uint64_t)st.st_size, &names, &faults);
    unsigned status = range.impossible ? MHD_HTTP_RANGE_NOT_SATISFIABLE
                      : range.partial  ? MHD_HTTP_PARTIAL_CONTENT
                                       : MHD_HTTP_OK;
    record_file(apple, url, method, status, range);
    struct MHD_Response *response = file_response(fd, range, &faults);
    if (!response)
        return MHD_NO;
    bool first_byte = range.first == 0 && range.length == 1;
    add_headers(response, (uint64_t)st.st_size + (first_byte ? 0 : faults.file_claim), &names, range);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* Keys of wrapped images, by their name; the media type is that of the real server. */
static enum MHD_Result send_key(struct sim_apple *apple, struct MHD_Connection *connection, const char *url,
                                const char *method)
{
    struct rv_error err = { 0 };
    const char *name = url + strlen(KEYS);
    bool named = strlen(name) == 44 && !strchr(name, '/');
    RV_AUTO(rv_blob) pem = named ? sim_aea_key_pem(name, &err) : NULL;
    record_file(apple, url, method, pem ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND, (struct range){ 0 });
    if (!pem)
        return send_bytes(connection, MHD_HTTP_NOT_FOUND, RV_SPAN_TEXT("no such key"));
    struct MHD_Response *response = MHD_create_response_from_buffer(pem->len, pem->data, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "binary/octet-stream");
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

/* The content host sends clients on to the nearest of its servers. */
static enum MHD_Result send_moved(struct MHD_Connection *connection, const char *url)
{
    char to[600];
    snprintf(to, sizeof to, "/moved%s", url);
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Location", to);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_FOUND, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result sim_apple_file(struct sim_apple *apple, struct MHD_Connection *connection, const char *url, bool head)
{
    const char *method = head ? "HEAD" : "GET";
    RV_AUTO_TEXT path = file_of(apple, url);
    if (path && sim_apple_faults_now(apple, false).file_redirect && !rv_text_starts(url, "/moved/"))
        return send_moved(connection, url);
    if (path)
        return send_file(apple, connection, url, method, path);
    if (rv_text_starts(url, KEYS))
        return send_key(apple, connection, url, method);
    RV_AUTO(rv_blob) manifest = manifest_of(apple, url);
    record_file(apple, url, method, manifest ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND, (struct range){ 0 });
    if (manifest)
        return send_bytes(connection, MHD_HTTP_OK, rv_blob_span(manifest));
    return send_bytes(connection, MHD_HTTP_NOT_FOUND, RV_SPAN_TEXT("no such file"));
}
