/* SPDX-License-Identifier: Apache-2.0 */
#include "restore_inside.h"

#include "base/text.h"
#include "sim/image4.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 131072, SHA1_LEN = 20, FRAME_MAX = 64 << 20, QUIET_MS = 20000 };

static void pause_ms(unsigned ms)
{
    (void)poll(NULL, 0, (int)ms);
}

bool wait_for_mode(struct sim_device *device, enum sim_mode mode, unsigned ms)
{
    for (unsigned waited = 0; waited < ms; waited += 5) {
        if (sim_device_mode(device, NULL) == mode)
            return true;
        pause_ms(5);
    }
    return false;
}

static bool wait_for_generation(struct sim_device *device, unsigned after, enum sim_mode mode, unsigned ms)
{
    for (unsigned waited = 0; waited < ms; waited += 5) {
        unsigned now = 0;
        if (sim_device_mode(device, &now) == mode && now > after)
            return true;
        pause_ms(5);
    }
    return false;
}

/* ---- firmware ---- */

struct rv_blob *host_member(struct host *host, const char *path)
{
    struct rv_error err = { 0 };
    zip_stat_t st;
    if (zip_stat(host->ipsw, path, 0, &st) != 0)
        return NULL;
    zip_file_t *file = zip_fopen(host->ipsw, path, 0);
    struct rv_blob *out = file != NULL ? rv_blob_new(st.size, &err) : NULL;
    if (out != NULL && zip_fread(file, out->data, out->len) != (zip_int64_t)out->len) {
        rv_blob_free(out);
        out = NULL;
    }
    if (file != NULL)
        zip_fclose(file);
    return out;
}

plist_t host_child(plist_t dict, const char *key)
{
    return PLIST_IS_DICT(dict) ? plist_dict_get_item(dict, key) : NULL;
}

const char *host_text(plist_t dict, const char *key)
{
    plist_t node = host_child(dict, key);
    return PLIST_IS_STRING(node) ? plist_get_string_ptr(node, NULL) : NULL;
}

plist_t host_info(struct host *host, const char *component)
{
    return host_child(host_child(host_child(host->identity, "Manifest"), component), "Info");
}

plist_t host_find_identity(plist_t manifest, const char *board, bool erase)
{
    plist_t list = host_child(manifest, "BuildIdentities");
    for (uint32_t i = 0; i < plist_array_get_size(list); i++) {
        plist_t identity = plist_array_get_item(list, i);
        plist_t info = host_child(identity, "Info");
        const char *behavior = host_text(info, "RestoreBehavior"), *class = host_text(info, "DeviceClass");
        if (behavior != NULL && class != NULL && rv_text_equal_nocase(class, board) &&
            strcmp(behavior, erase ? "Erase" : "Update") == 0)
            return identity;
    }
    return NULL;
}

void host_open(struct host *host, struct sim_device *device, const char *pki, const char *ipsw, bool erase)
{
    struct sim_identity who;
    int code = 0;
    memset(host, 0, sizeof *host);
    host->device = device;
    host->pki = pki;
    host->erase = erase;
    host->fd = -1;
    host->ipsw = zip_open(ipsw, ZIP_RDONLY, &code);
    struct rv_blob *text = host->ipsw != NULL ? host_member(host, "BuildManifest.plist") : NULL;
    if (text == NULL)
        return;
    plist_from_xml((const char *)text->data, (uint32_t)text->len, &host->manifest);
    rv_blob_free(text);
    sim_device_identity(device, &who);
    host->identity = host_find_identity(host->manifest, who.model, erase);
}

void host_close(struct host *host)
{
    if (host->fd >= 0)
        close(host->fd);
    plist_free(host->manifest);
    plist_free(host->options);
    rv_blob_free(host->ticket);
    free(host->log);
    if (host->ipsw != NULL)
        zip_discard(host->ipsw);
    memset(host, 0, sizeof *host);
    host->fd = -1;
}

/* The type of an IM4P stands right behind "IM4P" and its two header bytes. */
static void retag(struct rv_blob *im4p, const char *tag)
{
    uint8_t *at = memmem(im4p->data, im4p->len < 64 ? im4p->len : 64, "IM4P\x16\x04", 6);
    if (at != NULL)
        memcpy(at + 6, tag, 4);
}

struct rv_blob *host_personalised(struct host *host, const char *component)
{
    struct rv_error err = { 0 };
    plist_t info = host_info(host, component);
    const char *path = host_text(info, "Path"), *tag = host_text(info, "Img4PayloadType");
    struct rv_blob *im4p = path != NULL ? host_member(host, path) : NULL;
    if (im4p == NULL)
        return NULL;
    if (tag != NULL)
        retag(im4p, tag);
    if (host->wrong == FLIPPED_COMPONENT && strcmp(host->what, component) == 0)
        im4p->data[im4p->len / 2] ^= 0x10;
    struct rv_blob *img4 = sim_img4_make(rv_blob_span(im4p), rv_blob_span(host->ticket), &err);
    rv_blob_free(im4p);
    return img4;
}

static bool flagged(plist_t entry, const char *flag)
{
    uint8_t value = 0;
    plist_t node = host_child(host_child(entry, "Info"), flag);
    if (PLIST_IS_BOOLEAN(node))
        plist_get_bool_val(node, &value);
    return value;
}

/* Calls for each component of the manifest that has the flag. */
void host_each_flagged(struct host *host, const char *flag, void (*fn)(struct host *, plist_t, const char *),
                       plist_t to)
{
    plist_t manifest = host_child(host->identity, "Manifest");
    plist_dict_iter at = NULL;
    plist_dict_new_iter(manifest, &at);
    for (;;) {
        char *name = NULL;
        plist_t entry = NULL;
        plist_dict_next_item(manifest, at, &name, &entry);
        if (entry == NULL)
            break;
        if (flagged(entry, flag))
            fn(host, to, name);
        free(name);
    }
    free(at);
}

void host_append_name(struct host *host, plist_t to, const char *component)
{
    (void)host;
    plist_array_append_item(to, plist_new_string(component));
}

/* ---- ticket ---- */

static void copy_number(plist_t to, plist_t identity, const char *key)
{
    const char *text = host_text(identity, key);
    uint64_t value = 0;
    if (text != NULL && rv_text_number(text, 0, &value))
        plist_dict_set_item(to, key, plist_new_uint(value));
}

static void add_components(plist_t request, plist_t manifest)
{
    plist_dict_iter at = NULL;
    plist_dict_new_iter(manifest, &at);
    for (;;) {
        char *name = NULL;
        plist_t entry = NULL;
        plist_dict_next_item(manifest, at, &name, &entry);
        if (entry == NULL)
            break;
        bool rules = host_child(host_child(entry, "Info"), "RestoreRequestRules") != NULL ||
                     host_child(entry, "Trusted") != NULL;
        if (rules && strcmp(name, "BasebandFirmware") != 0 && strcmp(name, "SE,UpdatePayload") != 0) {
            plist_t copy = plist_copy(entry);
            plist_dict_remove_item(copy, "Info");
            if (host_child(copy, "Digest") == NULL)
                plist_dict_set_item(copy, "Digest", plist_new_data("", 0));
            plist_dict_set_item(copy, "EPRO", plist_new_bool(1));
            plist_dict_set_item(copy, "ESEC", plist_new_bool(1));
            plist_dict_set_item(request, name, copy);
        }
        free(name);
    }
    free(at);
}

struct rv_blob *host_sign(struct host *host, plist_t identity, bool other_nonce)
{
    struct sim_identity who;
    struct rv_error err = { 0 };
    sim_device_identity(host->device, &who);
    if (other_nonce)
        who.ap_nonce[0] ^= 1;
    plist_t r = plist_new_dict();
    plist_dict_set_item(r, "@ApImg4Ticket", plist_new_bool(1));
    plist_dict_set_item(r, "ApECID", plist_new_uint(who.ecid));
    copy_number(r, identity, "ApChipID");
    copy_number(r, identity, "ApBoardID");
    copy_number(r, identity, "ApSecurityDomain");
    plist_dict_set_item(r, "ApProductionMode", plist_new_bool(1));
    plist_dict_set_item(r, "ApSecurityMode", plist_new_bool(1));
    plist_dict_set_item(r, "ApNonce", plist_new_data((const char *)who.ap_nonce, who.ap_nonce_len));
    plist_dict_set_item(r, "SepNonce", plist_new_data((const char *)who.sep_nonce, sizeof who.sep_nonce));
    plist_dict_set_item(r, "UniqueBuildID", plist_copy(host_child(identity, "UniqueBuildID")));
    add_components(r, host_child(identity, "Manifest"));
    struct rv_blob *ticket = sim_sign_ticket(host->pki, r, &err);
    plist_free(r);
    if (ticket == NULL)
        fprintf(stderr, "# no ticket: %s\n", err.text[0]);
    return ticket;
}

/* ---- into Restore mode ---- */

static bool say(struct host *host, const char *command, uint8_t request)
{
    char text[128];
    size_t len = strlen(command) + 1;
    snprintf(text, sizeof text, "%s", command);
    uint8_t setup[8] = { 0x40, request, 0, 0, 0, 0, (uint8_t)len, 0 };
    return sim_usb_control(host->device, setup, (uint8_t *)text, len) >= 0;
}

static bool upload(struct host *host, const char *component, const char *command, uint8_t request)
{
    static const uint8_t begin[8] = { 0x41 };
    struct rv_blob *image = host_personalised(host, component);
    bool good = image != NULL && sim_usb_control(host->device, begin, NULL, 0) >= 0;
    for (size_t at = 0; good && at < image->len; at += 0x8000) {
        size_t len = image->len - at < 0x8000 ? image->len - at : 0x8000;
        good = sim_usb_bulk_out(host->device, 0x04, image->data + at, len) == (int)len;
    }
    rv_blob_free(image);
    good = good && say(host, command, request);
    if (!good)
        fprintf(stderr, "# %s was not taken\n", component);
    return good;
}

/* Components that iBoot itself loads, each with command `firmware`. */
static bool upload_loaded(struct host *host)
{
    plist_t list = plist_new_array();
    host_each_flagged(host, "IsLoadedByiBoot", host_append_name, list);
    bool good = true;
    for (uint32_t i = 0; good && i < plist_array_get_size(list); i++)
        good = upload(host, plist_get_string_ptr(plist_array_get_item(list, i), NULL), "firmware", 0);
    plist_free(list);
    return good;
}

bool host_boot(struct host *host)
{
    unsigned generation = 0;
    if (host->identity == NULL)
        return false;
    sim_device_start(host->device, SIM_RECOVERY);
    sim_device_mode(host->device, &generation);
    host->ticket = host_sign(host, host->identity, false);
    if (host->ticket == NULL || !upload(host, "iBEC", "go", 1) ||
        !wait_for_generation(host->device, generation, SIM_RECOVERY, QUIET_MS))
        return false;
    sim_device_mode(host->device, &generation);
    return say(host, "setenv auto-boot false", 0) && say(host, "saveenv", 0) &&
           upload(host, "RestoreLogo", "setpicture 4", 0) && upload_loaded(host) &&
           upload(host, "RestoreRamDisk", "ramdisk", 0) && upload(host, "RestoreDeviceTree", "devicetree", 0) &&
           upload(host, "RestoreSEP", "rsepfirmware", 0) && upload(host, "RestoreKernelCache", "bootx", 1) &&
           wait_for_generation(host->device, generation, SIM_RESTORE, QUIET_MS);
}

/* ---- frames ---- */

int host_connect(struct sim_device *device, uint16_t port)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        int fd = sim_device_connect(device, port);
        if (fd >= 0 || fd != -ECONNREFUSED)
            return fd;
        pause_ms(20);
    }
    return -1;
}

static bool read_all(int fd, void *to, size_t len)
{
    for (size_t at = 0; at < len;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, QUIET_MS) != 1)
            return false;
        ssize_t n = recv(fd, (char *)to + at, len - at, 0);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const void *from, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, (const char *)from + at, len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

bool host_send(int fd, plist_t take)
{
    char *text = NULL;
    uint32_t len = 0;
    plist_to_xml(take, &text, &len);
    plist_free(take);
    uint32_t head = htonl(len);
    bool sent = write_all(fd, &head, sizeof head) && write_all(fd, text, len);
    free(text);
    return sent;
}

static plist_t receive_frame(int fd)
{
    uint32_t head = 0;
    if (!read_all(fd, &head, sizeof head) || ntohl(head) > FRAME_MAX)
        return NULL;
    char *text = malloc(ntohl(head) + 1);
    plist_t out = NULL;
    if (text != NULL && read_all(fd, text, ntohl(head)))
        plist_from_memory(text, ntohl(head), &out);
    free(text);
    return out;
}

plist_t host_request(int fd, plist_t take_request)
{
    return host_send(fd, take_request) ? receive_frame(fd) : NULL;
}

/* ---- ASR ---- */

struct asr_host {
    struct host *host;
    uint16_t port;
    int fd;
    bool checksums;
    struct rv_blob *image;
    char text[65536];
    size_t len;
};

/* Messages may come in pieces or several at once. */
static plist_t asr_message(struct asr_host *a)
{
    static const char end[] = "</plist>\n";
    for (;;) {
        char *at = memmem(a->text, a->len, end, sizeof end - 1);
        if (at != NULL) {
            size_t whole = (size_t)(at - a->text) + sizeof end - 1;
            plist_t out = NULL;
            plist_from_xml(a->text, (uint32_t)whole, &out);
            memmove(a->text, a->text + whole, a->len - whole);
            a->len -= whole;
            return out;
        }
        struct pollfd p = { .fd = a->fd, .events = POLLIN };
        if (a->len == sizeof a->text || poll(&p, 1, QUIET_MS) != 1)
            return NULL;
        ssize_t n = recv(a->fd, a->text + a->len, sizeof a->text - a->len, 0);
        if (n <= 0)
            return NULL;
        a->len += (size_t)n;
    }
}

static bool asr_packet_info(struct asr_host *a)
{
    plist_t payload = plist_new_dict(), info = plist_new_dict();
    plist_dict_set_item(payload, "Port", plist_new_uint(1));
    plist_dict_set_item(payload, "Size", plist_new_uint(a->image->len));
    plist_dict_set_item(info, "FEC Slice Stride", plist_new_uint(40));
    plist_dict_set_item(info, "Packet Payload Size", plist_new_uint(1450));
    plist_dict_set_item(info, "Packets Per FEC", plist_new_uint(25));
    plist_dict_set_item(info, "Payload", payload);
    plist_dict_set_item(info, "Stream ID", plist_new_uint(1));
    plist_dict_set_item(info, "Version", plist_new_uint(1));
    if (a->checksums && a->host->wrong != NO_CHECKSUMS)
        plist_dict_set_item(info, "Checksum Chunk Size", plist_new_uint(PIECE));
    char *text = NULL;
    uint32_t len = 0;
    plist_to_xml(info, &text, &len);
    plist_free(info);
    bool sent = write_all(a->fd, text, len);
    free(text);
    return sent;
}

static bool asr_out_of_band(struct asr_host *a, plist_t message)
{
    uint64_t len = 0, offset = 0;
    plist_get_uint_val(host_child(message, "OOB Length"), &len);
    plist_get_uint_val(host_child(message, "OOB Offset"), &offset);
    a->host->oob_reads++;
    if (offset > a->image->len || len > a->image->len - offset)
        return false;
    if (a->host->wrong == LYING_READS && len == 1) {
        uint8_t other = a->image->data[offset] ^ 0xFF;
        return write_all(a->fd, &other, 1);
    }
    return write_all(a->fd, a->image->data + offset, len);
}

static bool asr_stream(struct asr_host *a)
{
    enum wrong wrong = a->host->wrong;
    if (wrong == OTHER_IMAGE)
        a->image->data[a->image->len / 3] ^= 1;
    for (size_t at = 0; at < a->image->len; at += PIECE) {
        size_t len = a->image->len - at < PIECE ? a->image->len - at : PIECE;
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned digest_len = 0;
        EVP_Digest(a->image->data + at, len, digest, &digest_len, EVP_sha1(), NULL);
        if (wrong == CORRUPT_PIECE && at / PIECE == 3)
            a->image->data[at + 77] ^= 4;
        if (wrong == SHORT_IMAGE && at > a->image->len / 2)
            return true;
        if (!write_all(a->fd, a->image->data + at, len) || (a->checksums && !write_all(a->fd, digest, SHA1_LEN)))
            return false;
        a->host->streamed += len;
    }
    return true;
}

static void asr_converse(struct asr_host *a)
{
    for (bool going = true; going;) {
        plist_t message = asr_message(a);
        const char *command = host_text(message, "Command");
        if (command == NULL) {
            going = false;
        } else if (strcmp(command, "Initiate") == 0) {
            uint8_t flag = 0;
            if (PLIST_IS_BOOLEAN(host_child(message, "Checksum Chunks")))
                plist_get_bool_val(host_child(message, "Checksum Chunks"), &flag);
            a->checksums = flag;
            a->host->initiates++;
            going = asr_packet_info(a);
        } else if (strcmp(command, "OOBData") == 0) {
            going = asr_out_of_band(a, message);
        } else if (strcmp(command, "Payload") == 0) {
            (void)asr_stream(a);
            going = false;
        } else {
            going = false; /* nothing we know: end it */
        }
        plist_free(message);
    }
}

/* Before 18 while nothing else happens, from 18 on beside it. */
static void *run_image(void *context)
{
    struct asr_host *a = context;
    a->fd = sim_device_connect(a->host->device, a->port);
    if (a->fd == -ECONNREFUSED) {
        a->host->asr_connected_twice = true;
        a->fd = host_connect(a->host->device, a->port);
    }
    if (a->image != NULL && a->fd >= 0)
        asr_converse(a);
    if (a->fd >= 0)
        close(a->fd);
    rv_blob_free(a->image);
    free(a);
    return NULL;
}

static void serve_image(struct host *host, uint16_t port)
{
    if (host->wrong == NO_IMAGE)
        return;
    struct asr_host *a = calloc(1, sizeof *a);
    a->host = host;
    a->port = port;
    a->image = host_member(host, host_text(host_info(host, "OS"), "Path"));
    if (port == 12345)
        run_image(a);
    else
        host->image_runs = pthread_create(&host->image_thread, NULL, run_image, a) == 0;
}

/* ---- the conversation ---- */

static bool chatter(struct host *host)
{
    plist_t word = plist_new_dict();
    plist_dict_set_item(word, "MsgType", plist_new_string("HostChatter"));
    return host_send(host->fd, word);
}

/* False: the conversation is over. */
static bool handle_request(struct host *host, plist_t message)
{
    const char *type = host_text(message, "DataType");
    size_t used = strlen(host->requests);
    if (type == NULL)
        return true;
    snprintf(host->requests + used, sizeof host->requests - used, "%s%s", used > 0 ? " " : "", type);
    bool here = host->what != NULL && strcmp(host->what, type) == 0;
    if (here && host->wrong == LEAVES)
        return false;
    if (here && host->wrong == SILENT)
        return true;
    if (here && host->wrong == GARBAGE) {
        static const char garbage[] = "\0\0\0\x0cnot a plist!";
        return write_all(host->fd, garbage, sizeof garbage - 1);
    }
    uint64_t port = 0;
    if (PLIST_IS_UINT(host_child(message, "DataPort")))
        plist_get_uint_val(host_child(message, "DataPort"), &port);
    if (strcmp(type, "SystemImageData") == 0) {
        serve_image(host, port != 0 ? (uint16_t)port : 12345);
        return true;
    }
    if (strcmp(type, "SourceBootObjectV4") == 0)
        return host_stream_file(host, host->fd, host_text(host_child(message, "Arguments"), "ImageName"));
    if (host->wrong == EXTRA_WORDS && !chatter(host))
        return false;
    plist_t answer = here && host->wrong == MISSING_KEY ? plist_new_dict() : host_answer(host, type, message);
    if (host->wrong == EXTRA_WORDS)
        plist_dict_set_item(answer, "KeyThatNobodyAskedFor", plist_new_bool(1));
    if (port == 0 || (here && host->wrong == ON_CONTROL))
        return host_send(host->fd, answer);
    int fd = host_connect(host->device, (uint16_t)port);
    bool sent = fd >= 0 && host_send(fd, answer);
    if (fd >= 0)
        close(fd);
    return sent;
}

/* ---- the record: what a transcript would show ---- */

static uint64_t uint_of(plist_t message, const char *key)
{
    uint64_t value = 0;
    if (PLIST_IS_UINT(host_child(message, key)))
        plist_get_uint_val(host_child(message, key), &value);
    return value;
}

static void record(struct host *host, const char *kind, plist_t message)
{
    plist_t arguments = host_child(message, "Arguments");
    const char *detail = host_text(arguments, "ImageName");
    uint8_t complete = 1;
    if (host->record == NULL)
        return;
    if (detail == NULL)
        detail = host_text(arguments, "ImageType");
    if (detail == NULL)
        detail = host_text(arguments, "MessageArgUpdaterName");
    if (PLIST_IS_BOOLEAN(host_child(message, "CHECKPOINT_COMPLETE")))
        plist_get_bool_val(host_child(message, "CHECKPOINT_COMPLETE"), &complete);
    if (strcmp(kind, "CheckpointMsg") == 0)
        fprintf(host->record, "%s %04X\n", complete ? "END" : "BEGIN",
                (unsigned)uint_of(message, "CHECKPOINT_ID") & 0xFFFF);
    else if (strcmp(kind, "ProgressMsg") == 0)
        fprintf(host->record, "OP %u\n", (unsigned)uint_of(message, "Operation"));
    else if (host_text(message, "DataType") != NULL)
        fprintf(host->record, "%s %s %s\n", strcmp(kind, "DataRequestMsg") == 0 ? "ASK" : "ASYNC",
                host_text(message, "DataType"), detail != NULL ? detail : "-");
    else
        fprintf(host->record, "MSG %s\n", kind);
}

static void take_status(struct host *host, plist_t message)
{
    uint64_t status = 0;
    if (PLIST_IS_UINT(host_child(message, "Status")))
        plist_get_uint_val(host_child(message, "Status"), &status);
    host->status = (int64_t)status;
    host->ended = true;
    if (host_text(message, "Log") != NULL)
        host->log = strdup(host_text(message, "Log"));
    if (host->wrong == NO_FINAL_WORD)
        return;
    plist_t word = plist_new_dict();
    plist_dict_set_item(word, "MsgType", plist_new_string("ReceivedFinalStatusMsg"));
    (void)host_send(host->fd, word);
}

static bool handle(struct host *host, plist_t message)
{
    const char *kind = host_text(message, "MsgType");
    if (kind == NULL)
        return false;
    record(host, kind, message);
    if (strcmp(kind, "DataRequestMsg") == 0 || strcmp(kind, "AsyncDataRequestMsg") == 0)
        return handle_request(host, message);
    if (strcmp(kind, "RestoreAttestation") == 0) {
        plist_t answer = plist_new_dict();
        plist_dict_set_item(answer, "RestoreShouldAttest", plist_new_bool(0));
        return host_send(host->fd, answer);
    }
    if (strcmp(kind, "StatusMsg") == 0) {
        take_status(host, message);
        return false;
    }
    if (strcmp(kind, "ProgressMsg") == 0) {
        uint64_t operation = 0;
        plist_get_uint_val(host_child(message, "Operation"), &operation);
        if (operation < 100)
            host->progress[operation]++;
        host->image_progress += host_text(message, "AsyncContextUUID") != NULL;
    } else if (strcmp(kind, "CheckpointMsg") == 0) {
        host->checkpoints++;
    } else if (strcmp(kind, "AsyncWait") == 0) {
        host->async_waits++;
    } else if (strcmp(kind, "PreviousRestoreLogMsg") == 0) {
        host->previous_logs++;
    } else if (strcmp(kind, "BBUpdateStatusMsg") != 0) {
        host->unknown_messages++;
    }
    return true;
}

/* Every name that a public host announces (idevicerestore, pymobiledevice3): those that a ramdisk compares. */
static plist_t all_options(void)
{
    static const char *const data[] = { "BasebandData",
                                        "BuildIdentityDict",
                                        "EANData",
                                        "FDRTrustData",
                                        "FUDData",
                                        "FirmwareUpdaterData",
                                        "KernelCache",
                                        "MessageUseStreamedImageFile",
                                        "NORData",
                                        "PersonalizedData",
                                        "ReceiptManifest",
                                        "RootTicket",
                                        "SourceBootObjectV4",
                                        "SystemImageCanonicalMetadata",
                                        "SystemImageData",
                                        "SystemImageRootHash",
                                        "URLAsset" };
    static const char *const messages[] = {
        "AsyncDataRequestMsg", "AsyncWait",          "CheckpointMsg", "DataRequestMsg",
        "ProgressMsg",         "RestoreAttestation", "StatusMsg"
    };
    plist_t options = plist_new_dict(), types = plist_new_dict(), words = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(data); i++)
        plist_dict_set_item(types, data[i], plist_new_bool(0));
    for (size_t i = 0; i < RV_COUNT(messages); i++)
        plist_dict_set_item(words, messages[i], plist_new_bool(0));
    plist_dict_set_item(options, "SupportedDataTypes", types);
    plist_dict_set_item(options, "SupportedMessageTypes", words);
    return options;
}

void host_restore(struct host *host)
{
    host->fd = host_connect(host->device, 62078);
    if (host->fd < 0)
        return;
    plist_t ask = plist_new_dict();
    plist_dict_set_item(ask, "Request", plist_new_string("QueryType"));
    plist_dict_set_item(ask, "Label", plist_new_string("tests"));
    plist_t type = host_request(host->fd, ask);
    uint64_t protocol = 0;
    if (PLIST_IS_UINT(host_child(type, "RestoreProtocolVersion")))
        plist_get_uint_val(host_child(type, "RestoreProtocolVersion"), &protocol);
    plist_free(type);
    plist_t start = plist_new_dict();
    plist_dict_set_item(start, "Request", plist_new_string("StartRestore"));
    plist_dict_set_item(start, "RestoreProtocolVersion", plist_new_uint(protocol));
    plist_dict_set_item(start, "RestoreOptions", host->options != NULL ? plist_copy(host->options) : all_options());
    bool going = host_send(host->fd, start);
    while (going) {
        plist_t message = receive_frame(host->fd);
        going = message != NULL && handle(host, message);
        plist_free(message);
    }
    if (host->image_runs)
        pthread_join(host->image_thread, NULL);
    host->image_runs = false;
    if (host->wrong == SILENT || host->wrong == NO_FINAL_WORD || host->wrong == LEAVES) {
        close(host->fd);
        host->fd = -1;
    }
}
