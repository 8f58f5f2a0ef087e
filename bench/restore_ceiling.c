/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The product's long roads against what this computer could do at most, in turns, in one run.
 *
 *   restore_ceiling verify IPSW ROUNDS       components with a digest: one loop of read, inflate and OpenSSL's digest
 *   restore_ceiling checksum IPSW ROUNDS     the system image: one loop of read, inflate and zlib's CRC-32
 *   restore_ceiling asr IPSW ROUNDS          the image's stream, made beforehand: one loop of write to the same
 * receiver, which checks every piece as a device does restore_ceiling recovery|dfu SOCKET BYTES ROUNDS   the same
 * USB/IP requests, made beforehand: one loop of write to the same phone; a DFU request is written when the one before
 * is answered
 *
 * One line a round: seconds of the ceiling, seconds of the product, bytes.
 */
#include "crypto/digest.h"
#include "firmware/ipsw.h"
#include "format/img4.h"
#include "proto/asr.h"
#include "proto/dfu.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { PART = 256 * 1024, PIECE = RV_ASR_PIECE, SHA1 = 20, URB = 48, RECORD = 312, BULK = 0x100000, BLOCK = 0x800 };

static struct rv_ctx ctx;

_Noreturn static void give_up(const char *what, const struct rv_error *err)
{
    fprintf(stderr, "restore_ceiling: %s: %s\n", what, err != NULL && err->depth > 0 ? err->text[0] : "failed");
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *room(size_t len)
{
    void *bytes = malloc(len);
    if (bytes == NULL)
        give_up("memory", NULL);
    return bytes;
}

static void write_all(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            give_up("writing", NULL);
        at += n;
        len -= (size_t)n;
    }
}

static void read_all(int fd, void *bytes, size_t len)
{
    uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = recv(fd, at, len, 0);
        if (n <= 0)
            give_up("reading", NULL);
        at += n;
        len -= (size_t)n;
    }
}

/* ---- firmware ---- */

static struct rv_ipsw *open_ipsw(const char *path, plist_t *identity)
{
    struct rv_error err = { 0 };
    struct rv_ipsw *ipsw = rv_ipsw_open(&ctx, path, &err);
    if (ipsw == NULL)
        give_up(path, &err);
    *identity = plist_array_get_item(rv_plist_array(rv_ipsw_manifest(ipsw), "BuildIdentities"), 0);
    return ipsw;
}

typedef void take_fn(void *context, const uint8_t *bytes, size_t len);

/* As plain as it can be: pread, inflate where packed, hand over. */
static void pour(const struct rv_archive_place *place, take_fn *take, void *context)
{
    uint8_t *in = room(PART), *out = room(PART);
    z_stream z = { .next_in = NULL };
    if (place->deflated && inflateInit2(&z, -MAX_WBITS) != Z_OK)
        give_up("inflate", NULL);
    for (uint64_t at = 0; at < place->packed;) {
        size_t want = place->packed - at < PART ? (size_t)(place->packed - at) : PART;
        ssize_t got = pread(place->fd, in, want, (off_t)(place->at + at));
        if (got <= 0)
            give_up("reading", NULL);
        at += (uint64_t)got;
        if (!place->deflated) {
            take(context, in, (size_t)got);
            continue;
        }
        z.next_in = in;
        z.avail_in = (uInt)got;
        do {
            z.next_out = out;
            z.avail_out = PART;
            inflate(&z, Z_NO_FLUSH);
            take(context, out, PART - z.avail_out);
        } while (z.avail_out == 0);
    }
    inflateEnd(&z);
    free(in);
    free(out);
}

struct tally {
    EVP_MD_CTX *digest; /* NULL: the CRC */
    unsigned long crc;
    uint64_t bytes;
};

static void count(void *context, const uint8_t *bytes, size_t len)
{
    struct tally *tally = context;
    tally->bytes += len;
    if (tally->digest != NULL)
        EVP_DigestUpdate(tally->digest, bytes, len);
    else
        tally->crc = crc32(tally->crc, bytes, (uInt)len);
}

/* Only the parts that a digest of the manifest covers, or only the system image: an identity cut down to them. */
static plist_t cut_down(struct rv_ipsw *ipsw, plist_t whole, bool image)
{
    struct rv_error err = { 0 };
    plist_t identity = plist_copy(whole), manifest = rv_plist_dict(identity, "Manifest");
    const char **names = NULL;
    size_t count_of = 0;
    if (!rv_identity_components(whole, &names, &count_of, &err))
        give_up("manifest", &err);
    for (size_t i = 0; i < count_of; i++) {
        const char *path = rv_component_path(whole, names[i]);
        struct rv_archive_place place;
        uint8_t first[64];
        size_t type;
        bool keep = path != NULL && rv_archive_place(ipsw->archive, path, &place, &err);
        RV_AUTO(rv_blob) blob = keep && place.plain < (64U << 20) ? rv_ipsw_file(ipsw, path, 64U << 20, &err) : NULL;
        size_t len = blob != NULL && blob->len < sizeof first ? blob->len : sizeof first;
        bool signed_one = blob != NULL && rv_im4p_find_type(rv_span(blob->data, len), &type);
        keep = keep && (image ? strcmp(names[i], "OS") == 0 : signed_one);
        if (!keep)
            plist_dict_remove_item(manifest, names[i]);
    }
    rv_free(names);
    return identity;
}

/* Every file once, as the product does. */
static uint64_t digest_plainly(struct rv_ipsw *ipsw, plist_t identity, bool image)
{
    struct rv_error err = { 0 };
    const char **names = NULL;
    size_t n = 0;
    struct tally tally = { .digest = image ? NULL : EVP_MD_CTX_new() };
    if (!rv_identity_components(identity, &names, &n, &err))
        give_up("manifest", &err);
    for (size_t i = 0; i < n; i++) {
        struct rv_archive_place place;
        size_t digest = rv_plist_data(rv_identity_component(identity, names[i]), "Digest").len;
        if (!rv_archive_place(ipsw->archive, rv_component_path(identity, names[i]), &place, &err))
            give_up(names[i], &err);
        if (tally.digest != NULL)
            EVP_DigestInit_ex(tally.digest, digest == 20 ? EVP_sha1() : EVP_sha384(), NULL);
        pour(&place, count, &tally);
        uint8_t out[EVP_MAX_MD_SIZE];
        if (tally.digest != NULL)
            EVP_DigestFinal_ex(tally.digest, out, NULL);
    }
    EVP_MD_CTX_free(tally.digest);
    rv_free(names);
    return tally.bytes;
}

static void verify(const char *path, unsigned rounds, bool image)
{
    struct rv_error err = { 0 };
    plist_t whole;
    RV_AUTO(rv_ipsw) ipsw = open_ipsw(path, &whole);
    plist_t identity = cut_down(ipsw, whole, image);
    unsigned times = image ? 1 : 8; /* the parts are small */
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t bytes = 0;
        double begin = now();
        for (unsigned t = 0; t < times; t++)
            bytes += digest_plainly(ipsw, identity, image);
        double middle = now();
        for (unsigned t = 0; t < times; t++)
            if (!rv_ipsw_verify(ipsw, identity, &err))
                give_up("verify", &err);
        printf("%.6f %.6f %llu\n", middle - begin, now() - middle, (unsigned long long)bytes);
    }
    plist_free(identity);
}

/* ---- ASR ---- */

static void until_end_of_message(int fd)
{
    static const char end[] = "</plist>\n";
    char last[sizeof end - 1] = "";
    while (memcmp(last, end, sizeof last) != 0) {
        memmove(last, last + 1, sizeof last - 1);
        read_all(fd, last + sizeof last - 1, 1);
    }
}

static void say(int fd, const char *command, const char *more)
{
    char text[512];
    int n = snprintf(text, sizeof text,
                     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict><key>Command</key>"
                     "<string>%s</string>%s</dict></plist>\n",
                     command, more);
    write_all(fd, text, (size_t)n);
}

/* The device's end: pieces of 131072 bytes, each with its SHA-1, each checked. Its last byte says that all is there. */
static void receive_image(int fd, uint64_t size, bool talks)
{
    uint8_t *piece = room(PIECE + SHA1), digest[EVP_MAX_MD_SIZE];
    if (talks) {
        say(fd, "Initiate", "<key>Checksum Chunks</key><true/>");
        until_end_of_message(fd);
        say(fd, "Payload", "");
    }
    while (size > 0) {
        size_t len = size < PIECE ? (size_t)size : PIECE;
        read_all(fd, piece, len + SHA1);
        EVP_Digest(piece, len, digest, NULL, EVP_sha1(), NULL);
        if (memcmp(digest, piece + len, SHA1) != 0)
            give_up("a piece is wrong", NULL);
        size -= len;
    }
    write_all(fd, "", 1);
    free(piece);
}

static pid_t start_receiver(uint64_t size, bool talks, int *fd)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        give_up("socketpair", NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        receive_image(ends[1], size, talks);
        _exit(0);
    }
    close(ends[1]);
    *fd = ends[0];
    return child;
}

static void end_receiver(pid_t child)
{
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0)
        give_up("the receiver", NULL);
}

static bool read_image(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    return rv_ipsw_image_read(context, offset, to, len, err);
}

/* The whole stream in memory that no file stands behind but a nameless one. */
static uint8_t *make_stream(struct rv_ipsw_image *image, size_t *len)
{
    struct rv_error err = { 0 };
    uint64_t size = rv_ipsw_image_size(image), at = 0;
    size_t all = (size_t)(size + (size + PIECE - 1) / PIECE * SHA1);
    uint8_t *stream = room(all), *to = stream, digest[EVP_MAX_MD_SIZE];
    while (at < size) {
        size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
        if (!rv_ipsw_image_read(image, at, to, n, &err))
            give_up("image", &err);
        EVP_Digest(to, n, digest, NULL, EVP_sha1(), NULL);
        memcpy(to + n, digest, SHA1);
        to += n + SHA1;
        at += n;
    }
    *len = all;
    return stream;
}

static double send_by_product(struct rv_ipsw_image *image)
{
    struct rv_error err = { 0 };
    int fd;
    char done;
    struct rv_asr_job job = { .source = { rv_ipsw_image_size(image), read_image, image } };
    pid_t child = start_receiver(job.source.size, true, &fd);
    RV_AUTO(rv_stream) stream = rv_stream_take_fd(&ctx, fd, &err);
    double begin = now();
    if (!rv_asr_serve(&ctx, stream, &job, &err) || !rv_stream_receive(stream, &done, 1, 60000, &err))
        give_up("asr", &err);
    double took = now() - begin;
    end_receiver(child);
    return took;
}

static double send_plainly(const uint8_t *bytes, size_t len, uint64_t size)
{
    int fd;
    char done;
    pid_t child = start_receiver(size, false, &fd);
    double begin = now();
    write_all(fd, bytes, len);
    read_all(fd, &done, 1);
    double took = now() - begin;
    end_receiver(child);
    close(fd);
    return took;
}

static void asr(const char *path, unsigned rounds)
{
    struct rv_error err = { 0 };
    plist_t identity;
    RV_AUTO(rv_ipsw) ipsw = open_ipsw(path, &identity);
    RV_AUTO(rv_ipsw_image) image = rv_ipsw_image_open(&ctx, ipsw, identity, "OS", &err);
    if (image == NULL)
        give_up("image", &err);
    size_t len;
    uint8_t *stream = make_stream(image, &len);
    for (unsigned i = 0; i < rounds; i++) {
        double plain = send_plainly(stream, len, rv_ipsw_image_size(image));
        printf("%.6f %.6f %llu\n", plain, send_by_product(image), (unsigned long long)rv_ipsw_image_size(image));
    }
    free(stream);
}

/* ---- uploads ---- */

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A connection that has imported the one device; -1 while somebody else still has it. */
static int try_import(const char *path, uint32_t *devid)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    uint8_t ask[40] = { 0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0, '1', '-', '1' }, head[8], record[RECORD];
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        give_up(path, NULL);
    write_all(fd, ask, sizeof ask);
    read_all(fd, head, sizeof head);
    if (get32(head + 4) != 0) {
        close(fd);
        return -1;
    }
    read_all(fd, record, sizeof record);
    *devid = get32(record + 288) << 16 | get32(record + 292);
    return fd;
}

static int import(const char *path, uint32_t *devid)
{
    struct rv_error err = { 0 };
    for (unsigned tries = 0; tries < 200; tries++) {
        int fd = try_import(path, devid);
        if (fd >= 0)
            return fd;
        rv_clock_pause(&ctx.clock, 20, "the connection before is still closing", &ctx.cancel, &err);
    }
    give_up("the phone stays in use", NULL);
}

struct requests {
    uint8_t *bytes;
    size_t len, count;
    size_t *ends; /* of each request */
    uint32_t devid;
};

static void add_request(struct requests *r, unsigned endpoint, bool in, const uint8_t setup[8], const uint8_t *data,
                        size_t len)
{
    uint8_t *h = r->bytes + r->len;
    memset(h, 0, URB);
    rv_put_u32be(h, 1);
    rv_put_u32be(h + 4, (uint32_t)r->count + 1);
    rv_put_u32be(h + 8, r->devid);
    rv_put_u32be(h + 12, in);
    rv_put_u32be(h + 16, endpoint);
    rv_put_u32be(h + 24, (uint32_t)len);
    memcpy(h + 40, setup, 8);
    r->len += URB;
    if (!in && len > 0) {
        memcpy(r->bytes + r->len, data, len);
        r->len += len;
    }
    r->ends[r->count++] = r->len;
}

static void make_recovery(struct requests *r, const uint8_t *data, size_t len)
{
    add_request(r, 0, false, (uint8_t[8]){ 0x41 }, NULL, 0);
    for (size_t at = 0; at < len; at += BULK)
        add_request(r, 4, false, (uint8_t[8]){ 0 }, data + at, len - at < BULK ? len - at : BULK);
}

static void make_dfu(struct requests *r, const uint8_t *data, size_t len)
{
    for (size_t at = 0, block = 0; at < len; at += BLOCK, block++) {
        size_t n = len - at < BLOCK ? len - at : BLOCK;
        uint8_t send_it[8] = { 0x21, 1, (uint8_t)block, (uint8_t)(block >> 8), 0, 0, (uint8_t)n, (uint8_t)(n >> 8) };
        add_request(r, 0, false, send_it, data + at, n);
        add_request(r, 0, true, (uint8_t[8]){ 0xA1, 3, 0, 0, 0, 0, 6, 0 }, NULL, 6);
    }
}

struct taker {
    int fd;
    const struct requests *r;
};

static void take_answer(int fd)
{
    uint8_t head[URB], data[64];
    read_all(fd, head, sizeof head);
    uint32_t actual = get32(head + 24);
    if (get32(head + 20) != 0)
        give_up("the phone refused a request", NULL);
    if (actual == 6) /* what a GETSTATUS gives; OUT requests carry no data back */
        read_all(fd, data, actual);
}

static void *take_answers(void *context)
{
    const struct taker *taker = context;
    for (size_t i = 0; i < taker->r->count; i++)
        take_answer(taker->fd);
    return NULL;
}

static double upload_plainly(const char *path, bool dfu, const uint8_t *data, size_t len)
{
    struct requests r = { .bytes = room(2 * len + (1 << 20)), .ends = room((len / BLOCK * 2 + 64) * sizeof(size_t)) };
    int fd = import(path, &r.devid);
    (dfu ? make_dfu : make_recovery)(&r, data, len);
    struct taker taker = { fd, &r };
    pthread_t thread;
    double begin = now();
    if (dfu) {
        for (size_t i = 0, at = 0; i < r.count; at = r.ends[i++]) {
            write_all(fd, r.bytes + at, r.ends[i] - at);
            take_answer(fd);
        }
    } else {
        if (pthread_create(&thread, NULL, take_answers, &taker) != 0)
            give_up("thread", NULL);
        write_all(fd, r.bytes, r.len);
        pthread_join(thread, NULL);
    }
    double took = now() - begin;
    close(fd);
    free(r.bytes);
    free(r.ends);
    return took;
}

/* What was half done before is given up: the next upload begins at its beginning. */
static void abort_dfu(struct rv_usb *usb)
{
    struct rv_error ignored = { 0 };
    rv_usb_control(usb, (struct rv_usb_setup){ 0x21, 6, 0, 0 }, NULL, 0, 5000, NULL, &ignored);
}

static struct rv_usb *open_only_device(struct rv_usb_bus *bus)
{
    struct rv_error err = { 0 };
    struct rv_usb_id id;
    size_t count_of = 0;
    struct rv_usb *usb = NULL;
    for (unsigned tries = 0; usb == NULL && tries < 100; tries++) { /* the other connection may still be closing */
        if (rv_usb_bus_list(bus, &id, 1, &count_of, &err) && count_of == 1)
            usb = rv_usb_open(bus, &id, &err);
        if (usb == NULL)
            rv_usb_bus_wait(bus, 50, &err);
        err = (struct rv_error){ 0 };
    }
    if (usb == NULL)
        give_up("opening the phone", &err);
    return usb;
}

struct dfu_clock {
    double end; /* when the last byte of the image had gone: what follows leads out of DFU */
};

static void note_end(void *context, uint64_t sent, uint64_t total)
{
    if (sent == total)
        ((struct dfu_clock *)context)->end = now();
}

/* After a download the phone leaves the bus and comes back at another address. */
static void await_return(struct rv_usb_bus *bus, uint8_t address)
{
    struct rv_error err = { 0 };
    struct rv_usb_id id;
    size_t count_of = 0;
    for (unsigned tries = 0; tries < 400; tries++) {
        if (rv_usb_bus_list(bus, &id, 1, &count_of, &err) && count_of == 1 && id.address != address)
            return;
        rv_usb_bus_wait(bus, 50, &err);
    }
    give_up("the phone does not come back", NULL);
}

static double upload_by_product(struct rv_usb_bus *bus, bool dfu, struct rv_span bytes)
{
    struct rv_error err = { 0 };
    struct dfu_clock clock = { 0 };
    RV_AUTO(rv_usb) usb = open_only_device(bus);
    if (dfu)
        abort_dfu(usb);
    double begin = now();
    if (!(dfu ? rv_dfu_upload(usb, bytes, note_end, &clock, &err) : rv_iboot_upload(usb, bytes, NULL, NULL, &err)))
        give_up("uploading", &err);
    double took = (dfu ? clock.end : now()) - begin;
    if (dfu)
        await_return(bus, rv_usb_identity(usb)->address);
    return took;
}

static void upload(const char *path, bool dfu, size_t len, unsigned rounds)
{
    struct rv_error err = { 0 };
    char where[200];
    snprintf(where, sizeof where, "usbip:UNIX:%s", path);
    ctx.settings.usb = where;
    uint8_t *data = room(len);
    if (!rv_random(data, len < (1 << 20) ? len : 1 << 20, &err))
        give_up("random", &err);
    for (size_t at = 1 << 20; at < len; at++)
        data[at] = data[at - (1 << 20)];
    RV_AUTO(rv_usb_bus) bus = rv_usb_bus_open(&ctx, &err);
    if (bus == NULL)
        give_up("bus", &err);
    for (unsigned i = 0; i < rounds; i++) {
        if (dfu) {
            RV_AUTO(rv_usb) usb = open_only_device(bus);
            abort_dfu(usb);
        } else {
            RV_AUTO(rv_usb) usb = open_only_device(bus); /* it is there, and free */
        }
        double plain = upload_plainly(path, dfu, data, len);
        printf("%.6f %.6f %zu\n", plain, upload_by_product(bus, dfu, rv_span(data, len)), len);
        fflush(stdout);
    }
    ctx.settings.usb = NULL;
    free(data);
}

int main(int argc, char **argv)
{
    struct rv_error err = { 0 };
    if (argc < 4 || !rv_ctx_init(&ctx, &err)) {
        fprintf(stderr, "restore_ceiling verify|checksum|asr IPSW ROUNDS; recovery|dfu SOCKET BYTES ROUNDS\n");
        return 2;
    }
    const char *what = argv[1];
    unsigned rounds = (unsigned)strtoul(argv[argc - 1], NULL, 10);
    if (strcmp(what, "verify") == 0 || strcmp(what, "checksum") == 0)
        verify(argv[2], rounds, what[0] == 'c');
    else if (strcmp(what, "asr") == 0)
        asr(argv[2], rounds);
    else if (argc == 5 && (strcmp(what, "recovery") == 0 || strcmp(what, "dfu") == 0))
        upload(argv[2], what[0] == 'd', strtoul(argv[3], NULL, 10), rounds);
    else
        return 2;
    rv_ctx_clear(&ctx);
    return 0;
}
