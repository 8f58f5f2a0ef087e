/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports and connections of one device. A connection's socket has two holders: the thread that serves it and,
 * by a duplicate, this registry, which shuts it down when the device leaves the bus. Hence nobody can shut
 * down a number that has meanwhile become somebody else's file.
 */
#include "sim/services.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/tls.h"
#include "sim/transcript.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LOCKDOWN_PORT = 62078,
    PROXY_PORT = 1082,
    DYNAMIC_FIRST = 49152,
    DYNAMIC_LAST = 62000,
    OFFERS_MAX = 32,
    CONNECTIONS_MAX = 256
};
enum { BACKLOG = 8, HOST_ID_MAX = 64 };

struct connection {
    struct connection *next;
    int fd, copy;
};

struct sim_listener {
    struct sim_listener *next;
    struct sim_services *home;
    uint16_t port;
    int waiting[BACKLOG];
    size_t count;
    bool dead; /* the device left the bus */
};

/* A started service that waits for its one connection. */
struct offer {
    uint16_t port;
    sim_service_fn *serve;
    bool tls;
    char host_id[HOST_ID_MAX];
};

struct sim_services {
    struct sim_device *device;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct connection *connections;
    struct sim_listener *listeners;
    struct offer offers[OFFERS_MAX];
    uint16_t next_port;
    size_t threads, connection_count;
    unsigned gone; /* generation of the last detach */
    bool closing;
};

static void on_event(void *context, const struct sim_event *event);

struct sim_services *sim_services_new(struct sim_device *device, struct rv_error *err)
{
    struct sim_services *s = rv_alloc(sizeof *s);
    if (s == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    s->device = device;
    s->next_port = DYNAMIC_FIRST;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    sim_device_listen(device, on_event, s);
    return s;
}

static void detach_locked(struct sim_services *s)
{
    for (struct connection *c = s->connections; c != NULL; c = c->next)
        shutdown(c->copy, SHUT_RDWR);
    for (struct sim_listener *l = s->listeners; l != NULL; l = l->next)
        l->dead = true;
    memset(s->offers, 0, sizeof s->offers);
    pthread_cond_broadcast(&s->changed);
}

static void on_event(void *context, const struct sim_event *event)
{
    struct sim_services *s = context;
    if (event->kind != SIM_DETACHED)
        return;
    pthread_mutex_lock(&s->lock);
    s->gone = event->generation;
    detach_locked(s);
    pthread_mutex_unlock(&s->lock);
}

void sim_services_free(struct sim_services *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    detach_locked(s);
    while (s->threads > 0)
        pthread_cond_wait(&s->changed, &s->lock);
    while (s->connections != NULL) {
        struct connection *c = s->connections;
        s->connections = c->next;
        close(c->copy);
        rv_free(c);
    }
    pthread_mutex_unlock(&s->lock);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    rv_free(s);
}

/* ---- connections ---- */

static struct connection *track(struct sim_services *s, int fd)
{
    struct connection *c = s->connection_count < CONNECTIONS_MAX ? rv_alloc(sizeof *c) : NULL;
    if (c == NULL)
        return NULL;
    *c = (struct connection){ .next = s->connections, .fd = fd, .copy = dup(fd) };
    if (c->copy < 0) {
        rv_free(c);
        return NULL;
    }
    s->connections = c;
    s->connection_count++;
    return c;
}

/* By its entry, or by its number when `which` is NULL: a number may already be somebody else's once it is closed. */
static void untrack(struct sim_services *s, const struct connection *which, int fd)
{
    for (struct connection **at = &s->connections; *at != NULL; at = &(*at)->next) {
        struct connection *c = *at;
        if (which != NULL ? c != which : c->fd != fd)
            continue;
        *at = c->next;
        s->connection_count--;
        close(c->copy);
        rv_free(c);
        return;
    }
}

void sim_port_hangup(struct sim_device *device, int fd)
{
    if (fd < 0)
        return;
    struct sim_services *s = sim_device_services(device);
    shutdown(fd, SHUT_RDWR);
    pthread_mutex_lock(&s->lock);
    untrack(s, NULL, fd);
    close(fd);
    pthread_mutex_unlock(&s->lock);
}

struct job {
    struct sim_services *home;
    int fd;                        /* -1: no connection, `task` */
    struct connection *connection; /* its entry while the job runs */
    void (*task)(struct sim_device *device);
    void (*body)(struct sim_device *device, int fd); /* lockdown or restored: owns fd; NULL: an offer */
    struct offer offer;
};

static void serve_offer(struct sim_services *s, const struct job *job)
{
    struct sim_wire wire = {
        .fd = job->fd, .device = s->device, .heard = sim_device_transcript(s->device), .who = "service"
    };
    if (!job->offer.tls || sim_tls_accept(s->device, &wire, job->offer.host_id))
        job->offer.serve(s->device, &wire);
    sim_tls_close(&wire);
    close(job->fd);
}

static void *job_main(void *context)
{
    struct job *job = context;
    struct sim_services *s = job->home;
    if (job->task != NULL)
        job->task(s->device);
    else if (job->body != NULL)
        job->body(s->device, job->fd);
    else
        serve_offer(s, job);
    pthread_mutex_lock(&s->lock);
    if (job->connection != NULL)
        untrack(s, job->connection, -1);
    rv_free(job);
    s->threads--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* With the lock held. A peer that goes away must be an error of write(), not a signal: threads block SIGPIPE. */
static bool start(struct sim_services *s, const struct job *what)
{
    struct job *job = rv_alloc(sizeof *job);
    if (job == NULL)
        return false;
    *job = *what;
    if (what->fd >= 0 && (job->connection = track(s, what->fd)) == NULL) {
        rv_free(job);
        return false;
    }
    sigset_t pipe, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    s->threads++;
    int status = pthread_create(&thread, &attr, job_main, job);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == 0)
        return true;
    s->threads--;
    if (job->connection != NULL)
        untrack(s, job->connection, -1);
    rv_free(job);
    return false;
}

bool sim_services_run(struct sim_device *device, void (*task)(struct sim_device *device))
{
    struct sim_services *s = sim_device_services(device);
    if (s == NULL)
        return false;
    struct job job = { .home = s, .fd = -1, .task = task };
    pthread_mutex_lock(&s->lock);
    bool started = !s->closing && start(s, &job);
    pthread_mutex_unlock(&s->lock);
    return started;
}

/* ---- who answers ---- */

static struct sim_listener *find_listener(struct sim_services *s, uint16_t port)
{
    for (struct sim_listener *l = s->listeners; l != NULL; l = l->next)
        if (l->port == port && !l->dead)
            return l;
    return NULL;
}

static struct offer *find_offer(struct sim_services *s, uint16_t port)
{
    for (size_t i = 0; i < OFFERS_MAX; i++)
        if (s->offers[i].port == port && port != 0)
            return &s->offers[i];
    return NULL;
}

static bool greet(int fd, struct rv_span greeting)
{
    /* The socket is fresh: a few bytes always fit. */
    return greeting.len == 0 || send(fd, greeting.ptr, greeting.len, MSG_NOSIGNAL) == (ssize_t)greeting.len;
}

static bool enqueue(struct sim_services *s, struct sim_listener *l, int fd, struct rv_span greeting)
{
    if (l->count == BACKLOG || track(s, fd) == NULL)
        return false;
    if (!greet(fd, greeting)) {
        untrack(s, NULL, fd);
        return false;
    }
    l->waiting[l->count++] = fd;
    pthread_cond_broadcast(&s->changed);
    return true;
}

/* With the lock held. */
static bool hand_over(struct sim_services *s, enum sim_mode mode, uint16_t port, int fd, struct rv_span greeting)
{
    struct sim_listener *listener = find_listener(s, port);
    if (listener != NULL)
        return enqueue(s, listener, fd, greeting);

    struct job job = { .home = s, .fd = fd };
    struct offer *offer = find_offer(s, port);
    if (offer != NULL) {
        job.offer = *offer;
        memset(offer, 0, sizeof *offer);
    } else if (port == LOCKDOWN_PORT) {
        job.body = mode == SIM_RESTORE ? sim_restored_serve : sim_lockdown_serve;
    } else if (port == PROXY_PORT && mode == SIM_RESTORE) {
        job.body = sim_proxy_serve;
    } else {
        return false;
    }
    return greet(fd, greeting) && start(s, &job);
}

static bool refused_once(struct sim_device *device, uint16_t port)
{
    char text[16];
    uint64_t refused = 0;
    if (!sim_setting(device, "fault.refuse_connect", text, sizeof text) || !rv_text_number(text, 10, &refused) ||
        refused != port)
        return false;
    sim_setting_put(device, "fault.refuse_connect", "");
    sim_record(device, "fault", "refused one connection to port %u", port);
    return true;
}

/* Its system stands still: only the buttons help. */
static bool is_hung(struct sim_device *device)
{
    char hung[8];
    return sim_setting(device, "hung", hung, sizeof hung) && strcmp(hung, "yes") == 0;
}

int sim_services_accept_after(struct sim_device *device, enum sim_mode mode, uint16_t port, int fd,
                              struct rv_span greeting)
{
    unsigned generation = 0;
    if (sim_device_mode(device, &generation) != mode || (mode != SIM_NORMAL && mode != SIM_RESTORE))
        return -ENODEV;
    if (refused_once(device, port) || (mode == SIM_NORMAL && is_hung(device)))
        return -ECONNREFUSED;
    struct sim_services *s = sim_device_services(device);
    sim_transcript_number(sim_device_transcript(device), "port", "connect", port);
    pthread_mutex_lock(&s->lock);
    /* A detach in between has already hung up on everybody: nobody may come in after it. */
    bool here = !s->closing && s->gone != generation;
    bool taken = here && hand_over(s, mode, port, fd, greeting);
    pthread_mutex_unlock(&s->lock);
    if (!here)
        return -ENODEV;
    return taken ? 0 : -ECONNREFUSED;
}

int sim_services_accept(struct sim_device *device, enum sim_mode mode, uint16_t port, int fd)
{
    return sim_services_accept_after(device, mode, port, fd, rv_span(NULL, 0));
}

static uint16_t free_port(struct sim_services *s)
{
    for (unsigned tried = 0; tried <= DYNAMIC_LAST - DYNAMIC_FIRST; tried++) {
        uint16_t port = s->next_port;
        s->next_port = port == DYNAMIC_LAST ? DYNAMIC_FIRST : (uint16_t)(port + 1);
        if (find_listener(s, port) == NULL && find_offer(s, port) == NULL)
            return port;
    }
    return 0;
}

uint16_t sim_services_offer(struct sim_device *device, sim_service_fn *serve, bool tls, const char *host_id)
{
    struct sim_services *s = sim_device_services(device);
    uint16_t port = 0;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < OFFERS_MAX && port == 0; i++) {
        struct offer *offer = &s->offers[i];
        if (offer->port != 0)
            continue;
        port = free_port(s);
        *offer = (struct offer){ .port = port, .serve = serve, .tls = tls };
        if (host_id != NULL)
            (void)snprintf(offer->host_id, sizeof offer->host_id, "%s", host_id);
    }
    pthread_mutex_unlock(&s->lock);
    return port;
}

/* ---- ports of a service's own ---- */

struct sim_listener *sim_port_listen(struct sim_device *device, uint16_t port)
{
    struct sim_services *s = sim_device_services(device);
    struct sim_listener *l = rv_alloc(sizeof *l);
    if (l == NULL)
        return NULL;
    enum sim_mode mode = sim_device_mode(device, NULL);
    pthread_mutex_lock(&s->lock);
    l->home = s;
    l->port = port != 0 ? port : free_port(s);
    bool good = !s->closing && (mode == SIM_NORMAL || mode == SIM_RESTORE) && l->port != LOCKDOWN_PORT &&
                find_listener(s, l->port) == NULL && find_offer(s, l->port) == NULL;
    if (good) {
        l->next = s->listeners;
        s->listeners = l;
    }
    pthread_mutex_unlock(&s->lock);
    if (good)
        return l;
    rv_free(l);
    return NULL;
}

uint16_t sim_port_number(const struct sim_listener *listener)
{
    return listener->port;
}

static struct timespec after_ms(int ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

int sim_port_accept(struct sim_listener *l, int timeout_ms)
{
    struct sim_services *s = l->home;
    struct timespec until = after_ms(timeout_ms < 0 ? 0 : timeout_ms);
    int fd = -1, status = 0;
    pthread_mutex_lock(&s->lock);
    while (l->count == 0 && !l->dead && status == 0)
        status = timeout_ms < 0 ? pthread_cond_wait(&s->changed, &s->lock)
                                : pthread_cond_timedwait(&s->changed, &s->lock, &until);
    if (l->count > 0) {
        fd = l->waiting[0];
        memmove(l->waiting, l->waiting + 1, --l->count * sizeof l->waiting[0]);
    }
    pthread_mutex_unlock(&s->lock);
    return fd;
}

void sim_port_close(struct sim_listener *l)
{
    if (l == NULL)
        return;
    struct sim_services *s = l->home;
    pthread_mutex_lock(&s->lock);
    for (struct sim_listener **at = &s->listeners; *at != NULL; at = &(*at)->next)
        if (*at == l) {
            *at = l->next;
            break;
        }
    for (size_t i = 0; i < l->count; i++) {
        untrack(s, NULL, l->waiting[i]);
        close(l->waiting[i]);
    }
    pthread_mutex_unlock(&s->lock);
    rv_free(l);
}
