/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts virtual iPhones before a real, unmodified libusb program, with no kernel USB: umockdev's test bed plays sysfs
 * and udev, and this program answers usbfs ioctls out of the model. ioctls come in on a thread of the test bed's own;
 * plugging happens in the main thread; the model's threads only leave idle calls. One lock holds nodes and requests.
 *
 *   umock_host [--state DIR]... [--mode M] [--time-scale F] [--control PATH] [--usbmuxd ADDRESS] [--record FILE]
 *              [--timeout S] [--set NAME=VALUE]... -- PROGRAM ARGS...
 *
 * A --mode, given after a --state, is that device's. Status: that of PROGRAM; 124 when it took too long.
 */
#include "sim/services.h"

#include <errno.h>
#include <linux/usbdevice_fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <umockdev.h>
#include <unistd.h>

enum { DEVICES_MAX = 8, SETS_MAX = 32, FIRST_DEVNUM = 2, LAST_DEVNUM = 127 };
enum { CLOSE_MS = 1000, TICK_MS = 5 };
enum { NORMAL_FIRST = 0x1290, NORMAL_LAST = 0x12af };
enum { CAPABILITIES = 0x01 | 0x04 | 0x10 }; /* ZERO_PACKET, NO_PACKET_SIZE_LIM, REAP_AFTER_DISCONNECT */

struct phone;

/* One request of a client: waiting for data, or done and waiting to be reaped. */
struct urb {
    struct urb *next;
    UMockdevIoctlData *urb, *buffer;
};

/* One open file of one client. */
struct client {
    struct client *next;
    UMockdevIoctlClient *who;
    struct urb *waiting, *done;
    bool was_busy; /* when the device left */
};

/* One attach of a device: a node, and all who have it open. It outlives the detach, for they may still hold it. */
struct node {
    struct node *next;
    struct phone *phone;
    unsigned generation, devnum;
    bool gone;
    UMockdevIoctlBase *base;
    struct client *clients;
    char name[64], syspath[128];
};

struct phone {
    struct sim_device *device;
    size_t index;
    enum sim_mode start;
    struct node *nodes; /* newest first */
};

static struct {
    GRecMutex lock; /* every node, client and request; the main thread asks the test bed for nothing under it */
    UMockdevTestbed *bed;
    GMainLoop *loop;
    struct phone phones[DEVICES_MAX];
    size_t count;
    unsigned next_devnum;
    int status;
    GPid child;
    bool verbose;
} host;

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
    va_list args;
    if (!host.verbose)
        return;
    va_start(args, fmt);
    fputs("# host: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

/* ---- requests ---- */

static void append(struct urb **list, struct urb *item)
{
    while (*list != NULL)
        list = &(*list)->next;
    item->next = NULL;
    *list = item;
}

static void urb_free(struct urb *item)
{
    if (item->buffer != NULL)
        umockdev_ioctl_data_unref(item->buffer);
    umockdev_ioctl_data_unref(item->urb);
    g_free(item);
}

static void finish(struct client *client, struct urb *item, int status, int actual)
{
    umockdev_ioctl_data_update(item->urb, offsetof(struct usbdevfs_urb, status), (guint8 *)&status, sizeof status);
    umockdev_ioctl_data_update(item->urb, offsetof(struct usbdevfs_urb, actual_length), (guint8 *)&actual,
                               sizeof actual);
    append(&client->done, item);
}

static struct client *client_of(struct node *node, UMockdevIoctlClient *who)
{
    for (struct client *c = node->clients; c != NULL; c = c->next)
        if (c->who == who)
            return c;
    struct client *c = g_new0(struct client, 1);
    c->who = who;
    c->next = node->clients;
    node->clients = c;
    return c;
}

static void drop_urbs(struct urb **list)
{
    while (*list != NULL) {
        struct urb *item = *list;
        *list = item->next;
        urb_free(item);
    }
}

static void on_vanished(UMockdevIoctlBase *base, UMockdevIoctlClient *who, gpointer user)
{
    struct node *node = user;
    (void)base;
    g_rec_mutex_lock(&host.lock);
    for (struct client **at = &node->clients; *at != NULL; at = &(*at)->next) {
        struct client *c = *at;
        if (c->who != who)
            continue;
        *at = c->next;
        drop_urbs(&c->waiting);
        drop_urbs(&c->done);
        g_free(c);
        break;
    }
    g_rec_mutex_unlock(&host.lock);
}

/* Gives waiting bulk IN requests what the device has; first come, first served. */
static void feed(struct node *node)
{
    for (struct client *c = node->clients; c != NULL; c = c->next) {
        for (struct urb **at = &c->waiting; *at != NULL;) {
            struct urb *item = *at;
            const struct usbdevfs_urb *k = (const void *)item->urb->data;
            guint8 *bytes = g_malloc((gsize)k->buffer_length + 1);
            int got = sim_usb_bulk_in(node->phone->device, k->endpoint, bytes, (size_t)k->buffer_length);
            if (got != 0) {
                *at = item->next;
                if (got > 0)
                    umockdev_ioctl_data_update(item->buffer, 0, bytes, got);
                finish(c, item, got < 0 ? got : 0, got < 0 ? 0 : got);
            } else {
                at = &item->next;
            }
            g_free(bytes);
        }
    }
}

static gboolean feed_idle(gpointer user)
{
    struct phone *phone = user;
    g_rec_mutex_lock(&host.lock);
    if (phone->nodes != NULL && !phone->nodes->gone)
        feed(phone->nodes);
    g_rec_mutex_unlock(&host.lock);
    return G_SOURCE_REMOVE;
}

static void on_readable(void *context)
{
    g_idle_add(feed_idle, context);
}

static void submit_control(struct node *node, struct client *client, struct urb *item, int room)
{
    guint8 setup[8];
    if (item->buffer == NULL || room < 8) {
        finish(client, item, -EPIPE, 0);
        return;
    }
    memcpy(setup, item->buffer->data, sizeof setup);
    int len = setup[6] | setup[7] << 8;
    if (len > room - 8)
        len = room - 8;
    guint8 *bytes = g_malloc0((gsize)len + 1);
    memcpy(bytes, item->buffer->data + 8, (size_t)len);
    int rc = sim_usb_control(node->phone->device, setup, bytes, (size_t)len);
    if (rc > 0 && (setup[0] & 0x80) != 0)
        umockdev_ioctl_data_update(item->buffer, 8, bytes, rc);
    g_free(bytes);
    finish(client, item, rc < 0 ? rc : 0, rc < 0 ? 0 : rc);
}

static void submit(struct node *node, struct client *client, UMockdevIoctlClient *c, UMockdevIoctlData *arg)
{
    struct urb *item = g_new0(struct urb, 1);
    item->urb = umockdev_ioctl_data_resolve(arg, 0, sizeof(struct usbdevfs_urb), NULL);
    const struct usbdevfs_urb *k = (const void *)item->urb->data;
    int len = k->buffer_length;
    if (len > 0)
        item->buffer = umockdev_ioctl_data_resolve(item->urb, offsetof(struct usbdevfs_urb, buffer), (gsize)len, NULL);
    /* usbmuxd does not look whether a request was taken, and waits for it for ever: here the cable is always pulled a
     * moment after it was. */
    if (node->gone) {
        finish(client, item, -ENODEV, 0);
    } else if (k->type == USBDEVFS_URB_TYPE_CONTROL) {
        submit_control(node, client, item, len);
    } else if ((k->endpoint & 0x80) != 0) {
        append(&client->waiting, item);
        feed(node);
    } else {
        int rc = sim_usb_bulk_out(node->phone->device, k->endpoint,
                                  item->buffer != NULL ? item->buffer->data : (const guint8 *)"", (size_t)len);
        if (rc >= 0 && (k->flags & USBDEVFS_URB_ZERO_PACKET) != 0 && len > 0 && len % 512 == 0)
            (void)sim_usb_bulk_out(node->phone->device, k->endpoint, (const guint8 *)"", 0);
        finish(client, item, rc < 0 ? rc : 0, rc < 0 ? 0 : rc);
        feed(node);
    }
    umockdev_ioctl_client_complete(c, 0, 0);
}

static void reap(struct node *node, struct client *client, UMockdevIoctlClient *c, UMockdevIoctlData *arg)
{
    struct urb *item = client->done;
    if (item == NULL) {
        umockdev_ioctl_client_complete(c, -1, node->gone ? ENODEV : EAGAIN);
        return;
    }
    client->done = item->next;
    UMockdevIoctlData *place = umockdev_ioctl_data_resolve(arg, 0, sizeof(void *), NULL);
    umockdev_ioctl_data_set_ptr(place, 0, item->urb);
    umockdev_ioctl_client_complete(c, 0, 0);
    umockdev_ioctl_data_unref(place);
    urb_free(item);
}

/* The argument of DISCARDURB is the address of the request in the client. */
static void discard(struct client *client, UMockdevIoctlClient *c, UMockdevIoctlData *arg)
{
    gulong address;
    memcpy(&address, arg->data, sizeof address);
    for (struct urb **at = &client->waiting; *at != NULL; at = &(*at)->next) {
        struct urb *item = *at;
        if (item->urb->client_addr != address)
            continue;
        *at = item->next;
        finish(client, item, -ENOENT, 0);
        umockdev_ioctl_client_complete(c, 0, 0);
        return;
    }
    umockdev_ioctl_client_complete(c, -1, EINVAL);
}

static void simple_request(struct node *node, guint8 type, guint8 request, unsigned value, unsigned index)
{
    guint8 nothing[1] = { 0 };
    guint8 setup[8] = { type, request, (guint8)value, (guint8)(value >> 8), (guint8)index, (guint8)(index >> 8), 0, 0 };
    (void)sim_usb_control(node->phone->device, setup, nothing, 0);
}

static unsigned number_at(UMockdevIoctlData *arg, size_t which)
{
    unsigned values[2] = { 0 };
    UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, (which + 1) * sizeof values[0], NULL);
    memcpy(values, data->data, (which + 1) * sizeof values[0]);
    umockdev_ioctl_data_unref(data);
    return values[which];
}

static void set_configuration(struct node *node, unsigned value)
{
    char text[16];
    simple_request(node, 0x00, 9, value, 0);
    /* libusb reads the active configuration from sysfs. */
    snprintf(text, sizeof text, "%u\n", value);
    umockdev_testbed_set_attribute(host.bed, node->syspath, "bConfigurationValue", text);
}

static void plain(struct node *node, UMockdevIoctlClient *c, gulong request, UMockdevIoctlData *arg)
{
    guint32 capabilities = CAPABILITIES;
    UMockdevIoctlData *data;
    int rc = 0, error = 0;
    switch (request) {
    case USBDEVFS_GET_CAPABILITIES:
        data = umockdev_ioctl_data_resolve(arg, 0, sizeof capabilities, NULL);
        umockdev_ioctl_data_update(data, 0, (guint8 *)&capabilities, sizeof capabilities);
        umockdev_ioctl_data_unref(data);
        break;
    case USBDEVFS_SETCONFIGURATION:
        set_configuration(node, number_at(arg, 0));
        break;
    case USBDEVFS_SETINTERFACE:
        simple_request(node, 0x01, 11, number_at(arg, 1), number_at(arg, 0));
        break;
    case USBDEVFS_CLEAR_HALT:
        simple_request(node, 0x02, 1, 0, number_at(arg, 0));
        break;
    case USBDEVFS_RESET:
        sim_usb_bus_reset(node->phone->device);
        break;
    case USBDEVFS_CLAIMINTERFACE:
    case USBDEVFS_RELEASEINTERFACE:
        break;
    case USBDEVFS_GETDRIVER:
        rc = -1, error = ENODATA;
        break;
    default:
        rc = -1, error = ENOTTY;
        break;
    }
    umockdev_ioctl_client_complete(c, rc, error);
}

static gboolean on_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *c, gpointer user)
{
    struct node *node = user;
    g_rec_mutex_lock(&host.lock);
    struct client *client = client_of(node, c);
    gulong request = umockdev_ioctl_client_get_request(c);
    UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(c);
    (void)base;
    if (request == USBDEVFS_REAPURB || request == USBDEVFS_REAPURBNDELAY)
        reap(node, client, c, arg);
    else if (request == USBDEVFS_SUBMITURB)
        submit(node, client, c, arg);
    else if (node->gone)
        umockdev_ioctl_client_complete(c, -1, ENODEV);
    else if (request == USBDEVFS_DISCARDURB)
        discard(client, c, arg);
    else
        plain(node, c, request, arg);
    g_rec_mutex_unlock(&host.lock);
    return TRUE;
}

/* ---- plugging ---- */

/* The kernel reads the serial at arrival and shows it to everybody; here for the system's modes, where programs cannot
 * ask themselves while usbmuxd has the device. */
static void kernel_serial(const struct node *node, guint8 index, char *out, size_t size)
{
    guint8 raw[255] = { 0 }, setup[8] = { 0x80, 6, index, 3, 9, 4, sizeof raw, 0 };
    size_t at = 0;
    int got = sim_usb_control(node->phone->device, setup, raw, sizeof raw);
    for (int i = 2; i + 1 < got && at + 1 < size; i += 2)
        out[at++] = (char)raw[i];
    out[at] = '\0';
}

static char *describe(const struct node *node)
{
    guint8 bytes[1024];
    size_t len = sim_usb_device_descriptor(node->phone->device, bytes, 18);
    if (len != 18)
        return NULL;
    unsigned product = bytes[10] | (unsigned)bytes[11] << 8, configs = bytes[17];
    for (unsigned i = 0; i < configs; i++)
        len += sim_usb_config_descriptor(node->phone->device, i, bytes + len, sizeof bytes - len);
    char serial[128] = "", attribute[160] = "";
    if (product >= NORMAL_FIRST && product <= NORMAL_LAST)
        kernel_serial(node, bytes[16], serial, sizeof serial);
    if (serial[0] != '\0')
        snprintf(attribute, sizeof attribute, "A: serial=%s\\n\n", serial);
    GString *hex = g_string_new("");
    for (size_t i = 0; i < len; i++)
        g_string_append_printf(hex, "%02X", bytes[i]);
    char *text =
        g_strdup_printf("P: %s\nN: %s=%s\nE: DEVNAME=/dev/%s\nE: DEVTYPE=usb_device\nE: BUSNUM=001\n"
                        "E: DEVNUM=%03u\nE: MAJOR=189\nE: MINOR=%u\nE: SUBSYSTEM=usb\nE: PRODUCT=5ac/%x/0\n"
                        "A: busnum=1\\n\nA: devnum=%u\\n\nA: bConfigurationValue=1\\n\nA: speed=480\\n\n"
                        "A: devpath=%zu\\n\nA: idVendor=05ac\\n\nA: idProduct=%04x\\n\n%sH: descriptors=%s\n\n",
                        node->syspath + strlen("/sys"), node->name, hex->str, node->name, node->devnum,
                        node->devnum - 1, product, node->devnum, node->phone->index + 1, product, attribute, hex->str);
    g_string_free(hex, TRUE);
    return text;
}

static unsigned take_devnum(void)
{
    if (host.next_devnum < FIRST_DEVNUM || host.next_devnum > LAST_DEVNUM)
        host.next_devnum = FIRST_DEVNUM;
    return host.next_devnum++;
}

static void plug(struct phone *phone, unsigned generation)
{
    struct node *node = g_new0(struct node, 1);
    GError *error = NULL;
    node->phone = phone;
    node->generation = generation;
    node->devnum = take_devnum();
    snprintf(node->name, sizeof node->name, "bus/usb/001/%03u", node->devnum);
    snprintf(node->syspath, sizeof node->syspath, "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-%zu", phone->index + 1);
    char *text = describe(node), *path = g_strdup_printf("/dev/%s", node->name);
    if (text == NULL) { /* it has left again */
        g_free(node);
        g_free(path);
        return;
    }
    node->base = umockdev_ioctl_base_new();
    g_signal_connect(node->base, "handle-ioctl", G_CALLBACK(on_ioctl), node);
    g_signal_connect(node->base, "client-vanished", G_CALLBACK(on_vanished), node);
    g_rec_mutex_lock(&host.lock);
    node->next = phone->nodes;
    phone->nodes = node;
    g_rec_mutex_unlock(&host.lock);
    /* Adding announces the device at once: whoever opens it then must find somebody who answers. */
    if (!umockdev_testbed_attach_ioctl(host.bed, path, node->base, &error) ||
        !umockdev_testbed_add_from_string(host.bed, text, &error)) {
        fprintf(stderr, "umock_host: %s\n", error->message);
        exit(3);
    }
    umockdev_testbed_uevent(host.bed, node->syspath, "add");
    note("device %zu plugged as %s", phone->index + 1, node->name);
    g_free(text);
    g_free(path);
}

/* Whether a client that had requests under way at the unplugging has not closed the node yet. */
static bool is_held(const struct node *node)
{
    bool held = false;
    g_rec_mutex_lock(&host.lock);
    for (const struct client *c = node->clients; c != NULL; c = c->next)
        held = held || c->was_busy;
    g_rec_mutex_unlock(&host.lock);
    return held;
}

static void unplug(struct phone *phone)
{
    struct node *node = phone->nodes;
    if (node == NULL || node->gone)
        return;
    g_rec_mutex_lock(&host.lock);
    node->gone = true;
    for (struct client *c = node->clients; c != NULL; c = c->next) {
        c->was_busy = c->waiting != NULL || c->done != NULL;
        while (c->waiting != NULL) {
            struct urb *item = c->waiting;
            c->waiting = item->next;
            finish(c, item, -ENODEV, 0);
        }
    }
    g_rec_mutex_unlock(&host.lock);
    umockdev_testbed_uevent(host.bed, node->syspath, "remove");
    /* With the node its open files lose their ioctls: a program that has requests under way then waits for them for
     * ever, as usbmuxd does when it lets go of a device. */
    for (unsigned waited = 0; waited < CLOSE_MS && is_held(node); waited += TICK_MS)
        (void)poll(NULL, 0, TICK_MS);
    umockdev_testbed_remove_device(host.bed, node->syspath);
    note("device %zu unplugged", phone->index + 1);
}

struct news {
    struct phone *phone;
    struct sim_event event;
};

static gboolean on_news(gpointer user)
{
    struct news *news = user;
    if (news->event.kind == SIM_ATTACHED)
        plug(news->phone, news->event.generation);
    else
        unplug(news->phone);
    g_free(news);
    return G_SOURCE_REMOVE;
}

/* Called on the device's own thread. */
static void on_event(void *context, const struct sim_event *event)
{
    struct news *news = g_new0(struct news, 1);
    news->phone = context;
    news->event = *event;
    g_idle_add(on_news, news);
}

/* ---- the program under test ---- */

static void on_child(GPid pid, gint status, gpointer user)
{
    (void)user;
    g_spawn_close_pid(pid);
    if (host.status == 0)
        host.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    g_main_loop_quit(host.loop);
}

static gboolean on_timeout(gpointer user)
{
    (void)user;
    fprintf(stderr, "umock_host: the program takes too long and is ended\n");
    host.status = 124;
    kill(host.child, SIGKILL);
    return G_SOURCE_REMOVE;
}

static int run_child(char **argv, unsigned timeout_s)
{
    GError *error = NULL;
    if (!g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &host.child,
                       &error)) {
        fprintf(stderr, "umock_host: %s\n", error->message);
        g_error_free(error);
        return 127;
    }
    g_child_watch_add(host.child, on_child, NULL);
    g_timeout_add_seconds(timeout_s, on_timeout, NULL);
    g_main_loop_run(host.loop);
    return host.status;
}

/* ---- words ---- */

struct options {
    const char *control, *usbmuxd, *time_scale, *record;
    const char *sets[SETS_MAX];
    size_t set_count;
    unsigned timeout_s;
    char **program;
};

static void usage(void)
{
    fprintf(stderr, "umock_host --state DIR [--mode normal|recovery|dfu|off] ... [--time-scale F] [--control PATH]\n"
                    "           [--usbmuxd ADDRESS] [--record FILE] [--set NAME=VALUE] [--timeout S] [--verbose] -- "
                    "PROGRAM ARGS...\n");
    exit(2);
}

static enum sim_mode mode_of(const char *word)
{
    static const char *const words[] = { "off", "normal", "recovery", "dfu" };
    for (size_t i = 0; i < RV_COUNT(words); i++)
        if (strcmp(words[i], word) == 0)
            return (enum sim_mode)i;
    usage();
    return SIM_OFF;
}

static void add_phone(const char *folder)
{
    struct rv_error err = { 0 };
    struct phone *phone = &host.phones[host.count];
    if (host.count == DEVICES_MAX)
        usage();
    phone->device = sim_device_open(folder, &err);
    if (phone->device == NULL) {
        fprintf(stderr, "umock_host: %s\n", err.text[0]);
        exit(2);
    }
    phone->index = host.count++;
    phone->start = SIM_NORMAL;
}

static void read_words(char **word, struct options *o)
{
    for (word++; *word != NULL; word++) {
        if (strcmp(*word, "--") == 0) {
            o->program = word + 1;
            break;
        }
        if (strcmp(*word, "--verbose") == 0) {
            host.verbose = true;
            continue;
        }
        const char *name = *word, *value = *++word;
        if (value == NULL)
            usage();
        if (strcmp(name, "--state") == 0)
            add_phone(value);
        else if (strcmp(name, "--mode") == 0 && host.count > 0)
            host.phones[host.count - 1].start = mode_of(value);
        else if (strcmp(name, "--time-scale") == 0)
            o->time_scale = value;
        else if (strcmp(name, "--control") == 0)
            o->control = value;
        else if (strcmp(name, "--usbmuxd") == 0)
            o->usbmuxd = value;
        else if (strcmp(name, "--record") == 0)
            o->record = value;
        else if (strcmp(name, "--timeout") == 0)
            o->timeout_s = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(name, "--set") == 0 && o->set_count < SETS_MAX)
            o->sets[o->set_count++] = value;
        else
            usage();
    }
    if (host.count == 0 || o->program == NULL || *o->program == NULL)
        usage();
}

static void prepare(const struct options *o, struct phone *phone)
{
    char name[64];
    for (size_t i = 0; i < o->set_count; i++) {
        size_t len = strcspn(o->sets[i], "=");
        snprintf(name, sizeof name, "%.*s", (int)len, o->sets[i]);
        sim_setting_put(phone->device, name, o->sets[i][len] == '=' ? o->sets[i] + len + 1 : "yes");
    }
    if (o->time_scale != NULL)
        sim_setting_put(phone->device, "time_scale", o->time_scale);
    struct rv_error err = { 0 };
    if (o->record != NULL && !sim_device_transcribe(phone->device, o->record, &err)) {
        fprintf(stderr, "umock_host: %s\n", err.text[0]);
        exit(2);
    }
    sim_device_listen(phone->device, on_event, phone);
    sim_usb_on_readable(phone->device, on_readable, phone);
}

static bool open_faces(const struct options *o)
{
    struct sim_device *devices[DEVICES_MAX];
    struct rv_error err = { 0 };
    for (size_t i = 0; i < host.count; i++)
        devices[i] = host.phones[i].device;
    if ((o->control == NULL || sim_control_start(devices, host.count, o->control, &err)) &&
        (o->usbmuxd == NULL || sim_usbmuxd_start(devices, host.count, o->usbmuxd, &err)))
        return true;
    fprintf(stderr, "umock_host: %s\n", err.text[0]);
    return false;
}

/* umockdev's library must be loaded before the C library, here and in the program; ASan has to bear with that. */
static void preload(char **argv)
{
    const char *old = g_getenv("ASAN_OPTIONS");
    if (g_getenv("LD_PRELOAD") != NULL && strstr(g_getenv("LD_PRELOAD"), "umockdev") != NULL)
        return;
    char *asan = g_strdup_printf("%s%sverify_asan_link_order=0", old != NULL ? old : "", old != NULL ? ":" : "");
    g_setenv("ASAN_OPTIONS", asan, TRUE);
    g_setenv("LD_PRELOAD", "libumockdev-preload.so.0", TRUE);
    execv("/proc/self/exe", argv);
    exit(127);
}

int main(int argc, char **argv)
{
    struct options o = { .timeout_s = 60 };
    (void)argc;
    preload(argv);
    read_words(argv, &o);
    host.bed = umockdev_testbed_new();
    if (!umockdev_in_mock_environment()) {
        fprintf(stderr, "umock_host: umockdev could not be loaded\n");
        return 2;
    }
    host.loop = g_main_loop_new(NULL, FALSE);
    for (size_t i = 0; i < host.count; i++)
        prepare(&o, &host.phones[i]);
    if (!open_faces(&o))
        return 2;
    for (size_t i = 0; i < host.count; i++)
        sim_device_start(host.phones[i].device, host.phones[i].start);
    while (g_main_context_iteration(NULL, FALSE)) /* the first plugging, before the program looks */
        continue;
    int status = run_child(o.program, o.timeout_s);
    g_object_unref(host.bed); /* removes its folder */
    fflush(NULL);
    _exit(status); /* the faces' threads still hold the devices */
}
