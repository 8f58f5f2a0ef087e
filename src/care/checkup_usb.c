/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between this computer and a cable: the multiplexer, rules, rights, other programs, the kernel's words. */
#include "care/checkup.h"

#include "base/text.h"
#include "transport/mux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KERNEL_LOG_MAX = 1024 * 1024, DEVICES = 16 };

static bool there(const struct rv_doctor *doctor, const char *path, int rights)
{
    char whole[PATH_MAX];
    return (size_t)snprintf(whole, sizeof whole, "%s%s", doctor->root, path) < sizeof whole &&
           access(whole, rights) == 0;
}

/* ---- usbmuxd ---- */

struct package {
    bool inside;
    char version[64];
};

/* Debian's list of packages: paragraphs of "Key: value". */
static bool package_line(void *context, const char *text, unsigned number)
{
    struct package *p = context;
    (void)number;
    if (rv_text_starts(text, "Package: "))
        p->inside = strcmp(text + 9, "usbmuxd") == 0;
    if (p->inside && rv_text_starts(text, "Version: "))
        snprintf(p->version, sizeof p->version, "%s", text + 9);
    return p->version[0] == '\0';
}

/* "1.1.0-2+b3", before it perhaps an epoch; 1.1.1 is of June 2020 (its NEWS file). */
static bool is_old(const char *version)
{
    static const unsigned long least[] = { 1, 1, 1 };
    const char *colon = strchr(version, ':'), *at = colon != NULL ? colon + 1 : version;
    for (size_t i = 0; i < RV_COUNT(least); i++) {
        char *end = NULL;
        unsigned long part = strtoul(at, &end, 10);
        if (end == at || part != least[i])
            return end != at && part < least[i];
        at = *end == '.' ? end + 1 : end;
    }
    return false;
}

void rv_look_usbmuxd(struct rv_doctor *doctor, struct rv_finding *out)
{
    struct rv_error err = { 0 };
    struct package package = { .inside = false };
    struct rv_mux_id devices[DEVICES];
    size_t count = 0;
    rv_doctor_lines(doctor, "/var/lib/dpkg/status", package_line, &package);
    const char *version = package.version[0] != '\0' ? package.version : "of unknown version";
    if (rv_mux_list(doctor->ctx, devices, DEVICES, &count, &err)) {
        bool old = is_old(package.version);
        rv_found(out, old ? RV_HEALTH_NOTE : RV_HEALTH_FINE, "usbmuxd (%s) answers; it sees %zu device%s.%s", version,
                 count, count == 1 ? "" : "s",
                 old ? " It is older than 1.1.1 of 2020: newer devices may not be seen." : "");
        if (old)
            rv_mend(out, "sudo apt update && sudo apt install usbmuxd");
        return;
    }
    bool installed = there(doctor, "/usr/sbin/usbmuxd", F_OK) || there(doctor, "/usr/bin/usbmuxd", F_OK);
    rv_found(out, RV_HEALTH_TROUBLE, "usbmuxd %s: running iPhones are not seen without it.",
             installed ? "does not answer" : "is not installed");
    rv_mend(out, "%s", installed ? "sudo systemctl restart usbmuxd" : "sudo apt install usbmuxd");
    out->fix = installed ? RV_FIX_START_USBMUXD : RV_FIX_NONE;
}

/* ---- rules ---- */

void rv_look_udev_rules(struct rv_doctor *doctor, struct rv_finding *out)
{
    static const char *const folders[] = { "/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d",
                                           "/lib/udev/rules.d" };
    static const char *const names[] = { "70-revive.rules", "39-libirecovery.rules" };
    char path[PATH_MAX];
    for (size_t n = 0; n < RV_COUNT(names); n++)
        for (size_t f = 0; f < RV_COUNT(folders); f++) {
            snprintf(path, sizeof path, "%s/%s", folders[f], names[n]);
            if (there(doctor, path, R_OK)) {
                rv_found(out, RV_HEALTH_FINE, "%s is there.", path);
                return;
            }
        }
    rv_found(out, RV_HEALTH_TROUBLE, "No rule lets you open devices in Recovery or DFU mode without being root.");
    rv_mend(out, "sudo install -m 644 70-revive.rules /etc/udev/rules.d/ && sudo udevadm control --reload && "
                 "sudo udevadm trigger");
    out->fix = RV_FIX_UDEV_RULE;
}

/* ---- attached devices ---- */

/* One number of a device's folder in sysfs; base 16 or 10. */
static bool sys_number(struct rv_doctor *doctor, const char *device, const char *name, int base, uint64_t *out)
{
    char path[PATH_MAX], text[32] = "";
    if ((size_t)snprintf(path, sizeof path, "%s/sys/bus/usb/devices/%s/%s", doctor->root, device, name) >= sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return rv_text_number(text, base, out);
}

static bool opens(struct rv_doctor *doctor, const char *device, uint64_t product, struct rv_finding *out)
{
    uint64_t bus = 0, address = 0;
    char node[64];
    if (!sys_number(doctor, device, "busnum", 10, &bus) || !sys_number(doctor, device, "devnum", 10, &address))
        return true;
    snprintf(node, sizeof node, "/dev/bus/usb/%03llu/%03llu", (unsigned long long)bus, (unsigned long long)address);
    if (there(doctor, node, R_OK | W_OK))
        return true;
    rv_found(out, RV_HEALTH_TROUBLE, "An Apple device (05ac:%04llx) is attached, but you may not open %s.",
             (unsigned long long)product, node);
    rv_mend(out, "install the udev rules (see above), then plug the device in again; or run revive as root");
    return false;
}

void rv_look_usb_rights(struct rv_doctor *doctor, struct rv_finding *out)
{
    enum { APPLE = 0x05AC };
    char path[PATH_MAX];
    unsigned apples = 0, others = 0;
    snprintf(path, sizeof path, "%s/sys/bus/usb/devices", doctor->root);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        rv_found(out, RV_HEALTH_UNKNOWN, "There is no list of USB devices here (%s).", path);
        return;
    }
    bool fine = true;
    for (const struct dirent *e = readdir(folder); fine && e != NULL; e = readdir(folder)) {
        uint64_t vendor = 0, product = 0;
        if (e->d_name[0] == '.' || strchr(e->d_name, ':') != NULL ||
            !sys_number(doctor, e->d_name, "idVendor", 16, &vendor) ||
            !sys_number(doctor, e->d_name, "idProduct", 16, &product))
            continue;
        /* Running devices are usbmuxd's; keyboards and hubs of the same maker have lower numbers. */
        bool ours =
            vendor == APPLE && ((product >= 0x1222 && product <= 0x1290) || product == 0x1881 || product == 0xF014);
        bool running = vendor == APPLE && product >= 0x1290 && product <= 0x12AF;
        apples += ours || running;
        others += !ours && !running;
        fine = !ours || opens(doctor, e->d_name, product, out);
    }
    closedir(folder);
    if (fine && apples > 0)
        rv_found(out, RV_HEALTH_FINE, "%u Apple device%s attached; what must be opened can be.", apples,
                 apples == 1 ? " is" : "s are");
    else if (fine) {
        rv_found(out, RV_HEALTH_NOTE, "No iPhone, iPad or iPod is on USB (%u other devices are).", others);
        rv_mend(out, "if one is plugged in: another cable (some only charge), another port, no hub");
    }
}

/* ---- other programs ---- */

void rv_look_other_programs(struct rv_doctor *doctor, struct rv_finding *out)
{
    static const char *const known[] = { "idevicerestore", "irecovery", "futurerestore", "idevicebackup2",
                                         "palera1n",       "checkra1n", "VirtualBoxVM",  "vmware-vmx",
                                         "3utools",        "ifuse" };
    char path[PATH_MAX], name[64], seen[200] = "";
    snprintf(path, sizeof path, "%s/proc", doctor->root);
    DIR *folder = opendir(path);
    for (const struct dirent *e = folder != NULL ? readdir(folder) : NULL; e != NULL; e = readdir(folder)) {
        snprintf(path, sizeof path, "%s/proc/%.32s/comm", doctor->root, e->d_name);
        int fd = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        ssize_t got = fd < 0 ? 0 : read(fd, name, sizeof name - 1);
        if (fd >= 0)
            close(fd);
        name[got > 0 ? got : 0] = '\0';
        name[strcspn(name, "\n")] = '\0';
        for (size_t i = 0; i < RV_COUNT(known); i++) {
            size_t used = strlen(seen);
            if (strcmp(name, known[i]) == 0 && strstr(seen, name) == NULL)
                snprintf(seen + used, sizeof seen - used, "%s%s (%.32s)", used > 0 ? ", " : "", name, e->d_name);
        }
    }
    if (folder != NULL)
        closedir(folder);
    if (folder == NULL) {
        rv_found(out, RV_HEALTH_UNKNOWN, "Running programs cannot be listed here.");
    } else if (seen[0] != '\0') {
        rv_found(out, RV_HEALTH_TROUBLE, "Runs and may hold a device: %s.", seen);
        rv_mend(out, "end it (its number stands in brackets), or take the device out of the virtual machine");
    } else {
        rv_found(out, RV_HEALTH_FINE, "None of the known ones runs.");
    }
}

/* ---- the kernel's words ---- */

static unsigned count_of(const char *text, const char *piece)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, piece)) != NULL; at += strlen(piece))
        n++;
    return n;
}

/* A record a read, as /dev/kmsg gives them; what follows the cap is not read. */
static bool read_kernel_log(struct rv_doctor *doctor, struct rv_buf *log)
{
    char path[PATH_MAX], record[8192];
    struct rv_error full = { 0 };
    snprintf(path, sizeof path, "%s/dev/kmsg", doctor->root);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    for (;;) {
        ssize_t got = read(fd, record, sizeof record);
        if (got < 0 && errno == EPIPE) /* the ring went on while it was read */
            continue;
        if (got <= 0 || !rv_buf_add(log, rv_span(record, (size_t)got), &full))
            break;
    }
    close(fd);
    return rv_buf_add(log, rv_span("", 1), &full) || log->len > 0;
}

void rv_look_cable(struct rv_doctor *doctor, struct rv_finding *out)
{
    static const char *const complaints[] = { "device descriptor read/",
                                              "device not accepting address",
                                              "unable to enumerate USB device",
                                              "over-current",
                                              "can't set config",
                                              "cannot enable" };
    struct rv_buf log = RV_BUF(KERNEL_LOG_MAX);
    if (!read_kernel_log(doctor, &log)) {
        rv_found(out, RV_HEALTH_UNKNOWN, "The kernel's messages may not be read by this user.");
        rv_mend(out, "sudo dmesg | grep -i usb");
        rv_buf_clear(&log);
        return;
    }
    log.data[log.len - 1] = '\0';
    unsigned total = 0;
    const char *example = NULL;
    for (size_t i = 0; i < RV_COUNT(complaints); i++) {
        unsigned n = count_of((const char *)log.data, complaints[i]);
        example = n > 0 && example == NULL ? complaints[i] : example;
        total += n;
    }
    rv_buf_clear(&log);
    if (total == 0) {
        rv_found(out, RV_HEALTH_FINE, "The kernel has not complained about USB.");
        return;
    }
    rv_found(out, RV_HEALTH_TROUBLE, "The kernel complained about USB %u time%s since the start (\"%s\").", total,
             total == 1 ? "" : "s", example);
    rv_mend(out, "use the cable that came with the device, straight into the computer, and another port");
}
