/*
** The readiness bridge: lets an event loop wait for libpq's socket although
** it can wait for nothing but sockets that it made itself.
**
** A channel is a Unix socket between such a loop and this file. Arming a
** channel for a descriptor makes one thread, the only one there is for this in
** a process, wait in epoll; when the descriptor is ready it sends one byte
** through the channel: "r", "w", "b" for both, or "t" when the time is over.
** Each arming is answered by at most one byte. The thread knows no Lua, no
** libpq and no event loop. Everything it shares is under the lock, so that it
** never writes to a descriptor that was closed and means something else now.
**
** Nothing here runs before the first channel, hence after a server has forked
** its workers; a child that inherits a bridge starts one of its own.
*/
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1 /* accept4, struct ucred */
#endif

#include "bridge.h"

#include <string.h>

#ifdef __linux__

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "thread.h"

#define STACK 131072
#define BATCH 64
#define BACKLOG 128
#define TOKEN_MAX 32
#define NEVER INT64_MAX
#define ALARM UINT64_MAX /* epoll's data of the timer */
#define MAX_TIMEOUT 86400e3 * 365

typedef struct slot {
  int notify;          /* the channel's descriptor, -1: the slot is free */
  int watched;         /* what it was armed for last, or -1 */
  uint32_t generation; /* grows with each arming and disarming */
  uint32_t events;     /* what it is armed for, 0: it is not */
  int64_t deadline;    /* in nanoseconds, or NEVER */
} slot;

/* `sending` is held while bytes are on their way, and taken before `lock` */
static struct {
  pthread_mutex_t sending, lock;
  pid_t pid; /* the process that the rest belongs to, 0: nothing runs */
  int epoll, timer, listener;
  slot *slots;
  uint32_t n;
  int64_t alarm; /* when the timer goes off, or NEVER */
  struct sockaddr_un address;
  char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
} bridge = {PTHREAD_MUTEX_INITIALIZER,
            PTHREAD_MUTEX_INITIALIZER,
            0,
            -1,
            -1,
            -1,
            NULL,
            0,
            NEVER,
            {AF_UNIX, ""},
            ""};

/* ---- under the lock ---- */

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void set_alarm(int64_t when) {
  struct itimerspec t;
  memset(&t, 0, sizeof t);
  if (when != NEVER) {
    t.it_value.tv_sec = (time_t)(when / 1000000000);
    t.it_value.tv_nsec = (long)(when % 1000000000);
  }
  bridge.alarm = when;
  timerfd_settime(bridge.timer, TFD_TIMER_ABSTIME, &t, NULL);
}

/* voids what the slot is armed for */
static void disarm(slot *s) {
  s->generation++;
  s->events = 0;
  s->deadline = NEVER;
}

/* a byte that is to be sent */
typedef struct letter {
  int fd;
  char byte;
} letter;

/* what answers the arming, which is void then */
static letter answer(slot *s, char byte) {
  letter l;
  disarm(s);
  l.fd = s->notify;
  l.byte = byte;
  return l;
}

static letter answer_ready(slot *s, uint32_t ready) {
  uint32_t events = ready & s->events;
  /* an error or the end counts as ready: the next step meets it */
  if (ready & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) events = s->events;
  return answer(s, events == EPOLLIN ? 'r' : events == EPOLLOUT ? 'w' : 'b');
}

/* holding `sending`; nobody at the other end is no concern of ours */
static void dispatch(const letter *l) {
  (void)!send(l->fd, &l->byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void arm(slot *s, uint32_t events, int64_t deadline) {
  s->generation++;
  s->events = events;
  s->deadline = deadline;
  if (deadline < bridge.alarm) set_alarm(deadline);
}

/* an arming; void once it was answered, or the slot was armed again */
static uint64_t ticket_of(const slot *s) {
  return (uint64_t)s->generation << 32 | (uint64_t)(s - bridge.slots);
}

/* the slot that a ticket arms, or NULL if the ticket is void */
static slot *find(uint64_t ticket) {
  slot *s = bridge.slots + (uint32_t)ticket;
  return (uint32_t)ticket < bridge.n && s->events != 0 &&
                 s->generation == (uint32_t)(ticket >> 32)
             ? s
             : NULL;
}

/*
** Tells epoll what the slot is armed for; 0 or an errno. A descriptor stays
** with epoll when it has reported once, or is no longer of interest: what it
** reports for a void ticket is ignored.
*/
static int watch(slot *s, int fd) {
  struct epoll_event e;
  memset(&e, 0, sizeof e);
  e.events = s->events | EPOLLRDHUP | EPOLLONESHOT;
  e.data.u64 = ticket_of(s);
  if (epoll_ctl(bridge.epoll, EPOLL_CTL_MOD, fd, &e) != 0 &&
      (errno != ENOENT || epoll_ctl(bridge.epoll, EPOLL_CTL_ADD, fd, &e) != 0))
    return errno;
  s->watched = fd;
  return 0;
}

/* ---- the thread ---- */

/* holding both; those who have waited long enough, which may be all */
static void expire(void) {
  uint64_t times;
  int64_t next = NEVER, t = now();
  uint32_t i;
  (void)!read(bridge.timer, &times, sizeof times);
  for (i = 0; i < bridge.n; i++) {
    slot *s = &bridge.slots[i];
    if (s->deadline <= t) {
      letter l = answer(s, 't');
      dispatch(&l);
    }
    if (s->deadline < next) next = s->deadline;
  }
  set_alarm(next);
}

/* Bytes are sent while the lock is free: who arms a channel need not wait for
** that. `sending` keeps their descriptors open. */
static void *serve(void *arg) {
  struct epoll_event events[BATCH];
  letter letters[BATCH];
  (void)arg;
  for (;;) {
    int i, count = 0, n = epoll_wait(bridge.epoll, events, BATCH, -1);
    if (n < 0 && errno != EINTR) return NULL;
    pthread_mutex_lock(&bridge.sending);
    pthread_mutex_lock(&bridge.lock);
    for (i = 0; i < n; i++) {
      slot *s = NULL;
      if (events[i].data.u64 == ALARM)
        expire();
      else if ((s = find(events[i].data.u64)) != NULL)
        letters[count++] = answer_ready(s, events[i].events);
    }
    pthread_mutex_unlock(&bridge.lock);
    for (i = 0; i < count; i++) dispatch(&letters[i]);
    pthread_mutex_unlock(&bridge.sending);
  }
}

/* ---- starting and leaving ---- */

/* the thread, if there is one, goes on: it must find its descriptors */
static void remove_files(void) {
  if (bridge.pid != pgv_pid()) return;
  if (bridge.address.sun_path[0] != '\0') unlink(bridge.address.sun_path);
  if (bridge.directory[0] != '\0') rmdir(bridge.directory);
}

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* gives back everything, of a failed start or of the parent's bridge */
static void reset(void) {
  static const pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;
  close_fd(&bridge.epoll);
  close_fd(&bridge.timer);
  close_fd(&bridge.listener);
  free(bridge.slots);
  bridge.slots = NULL;
  bridge.n = 0;
  bridge.alarm = NEVER;
  bridge.directory[0] = bridge.address.sun_path[0] = '\0';
  bridge.sending = bridge.lock = unlocked; /* the parent's may have been held */
  bridge.pid = 0;
}

static int make_directory(const char *parent) {
  int n = snprintf(bridge.directory, sizeof bridge.directory,
                   "%s/lua-pgvector.XXXXXX", parent);
  if (n < 0 || n + 2 >= (int)sizeof bridge.address.sun_path ||
      mkdtemp(bridge.directory) == NULL) { /* it is ours alone: 0700 */
    bridge.directory[0] = '\0';
    return 0;
  }
  memcpy(bridge.address.sun_path, bridge.directory, (size_t)n);
  memcpy(bridge.address.sun_path + n, "/s", 3);
  return 1;
}

static int open_listener(void) {
  const char *parent = getenv("TMPDIR");
  if ((parent == NULL || !make_directory(parent)) && !make_directory("/tmp"))
    return 0;
  bridge.listener =
      socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return bridge.listener >= 0 &&
         bind(bridge.listener, (const struct sockaddr *)&bridge.address,
              sizeof bridge.address) == 0 &&
         listen(bridge.listener, BACKLOG) == 0;
}

static int open_epoll(void) {
  struct epoll_event e;
  memset(&e, 0, sizeof e);
  e.events = EPOLLIN;
  e.data.u64 = ALARM;
  bridge.epoll = epoll_create1(EPOLL_CLOEXEC);
  bridge.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return bridge.epoll >= 0 && bridge.timer >= 0 &&
         epoll_ctl(bridge.epoll, EPOLL_CTL_ADD, bridge.timer, &e) == 0;
}

/* [-0, +0, e] */
static void start(lua_State *L) {
  static int hooked;
  int failure;
  if (bridge.pid == pgv_pid()) return;
  reset();
  bridge.pid = pgv_pid();
  if (open_epoll() && open_listener())
    failure = pgv_thread_start(serve, NULL, STACK);
  else
    failure = errno;
  if (failure != 0) {
    remove_files();
    reset();
    pgv_raise(L, "InterfaceError", NULL,
              "cannot start the readiness bridge: %s", strerror(failure));
  }
  if (!hooked) hooked = atexit(remove_files) == 0;
}

/* ---- channels ---- */

typedef struct channel {
  int fd;        /* -1: closed */
  pid_t pid;     /* of the process that opened it */
  uint32_t slot; /* UINT32_MAX: none */
} channel;

static channel *check_any(lua_State *L, int idx) {
  return (channel *)luaL_checkudata(L, idx, PGV_CHANNEL);
}

static channel *check_open(lua_State *L, int idx) {
  channel *c = check_any(L, idx);
  if (c->fd < 0 || c->pid != pgv_pid())
    pgv_raise(L, "InterfaceError", NULL, "channel is closed");
  return c;
}

/* is the other end open? */
static int is_connected(const channel *c) {
  char byte;
  return c->fd >= 0 && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

/* a slot for the descriptor, UINT32_MAX if there is no memory */
static uint32_t take_slot(int fd) {
  uint32_t i;
  for (i = 0; i < bridge.n && bridge.slots[i].notify >= 0; i++) {}
  if (i == bridge.n) {
    slot *more =
        (slot *)realloc(bridge.slots, ((size_t)bridge.n + 1) * sizeof *more);
    if (more == NULL) return UINT32_MAX;
    bridge.slots = more;
    memset(&more[i], 0, sizeof more[i]);
    more[i].watched = -1;
    more[i].deadline = NEVER;
    bridge.n++;
  }
  bridge.slots[i].notify = fd;
  return i;
}

/* has this process opened the other end, and sent the token? */
static int is_ours(int fd, const char *token, size_t n) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  char got[TOKEN_MAX];
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.pid == pgv_pid() &&
         recv(fd, got, n, MSG_DONTWAIT) == (ssize_t)n &&
         memcmp(got, token, n) == 0;
}

/* core.bridge.address() → the path of the socket to connect to */
static int bridge_address(lua_State *L) {
  start(L);
  lua_pushstring(L, bridge.address.sun_path);
  return 1;
}

/*
** core.bridge.accept(token) → the channel whose other end has connected and
** sent the token. Connections that are not it, of strangers or of attempts
** that failed half-way, are closed.
*/
static int bridge_accept(lua_State *L) {
  size_t n;
  const char *token = luaL_checklstring(L, 1, &n);
  channel *c = (channel *)lua_newuserdatauv(L, sizeof *c, 0);
  c->fd = -1;
  c->pid = pgv_pid();
  c->slot = UINT32_MAX;
  luaL_setmetatable(L, PGV_CHANNEL);
  if (n == 0 || n > TOKEN_MAX)
    pgv_argerror(L, "token: 1 to %d bytes", TOKEN_MAX);
  start(L);
  for (;;) {
    c->fd = accept4(bridge.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (c->fd >= 0) {
      if (is_ours(c->fd, token, n)) break;
      close_fd(&c->fd);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      pgv_raise(L, "InterfaceError", NULL, "cannot accept the channel: %s",
                strerror(errno));
    }
  }
  pthread_mutex_lock(&bridge.lock);
  c->slot = take_slot(c->fd);
  pthread_mutex_unlock(&bridge.lock);
  if (c->slot == UINT32_MAX) return luaL_error(L, "not enough memory");
  return 1;
}

/* [-0, +0, e] the deadline of the timeout at idx, NEVER for nil */
static int64_t check_deadline(lua_State *L, int idx) {
  double ms;
  if (lua_isnoneornil(L, idx)) return NEVER;
  ms = luaL_checknumber(L, idx);
  if (!(ms < MAX_TIMEOUT)) return NEVER;
  return now() + (ms > 0 ? (int64_t)(ms * 1e6) : 0);
}

/* channel:arm(fd, "r" | "w" | "rw" [, timeout in ms]) */
static int channel_arm(lua_State *L) {
  channel *c = check_open(L, 1);
  int failure, fd = (int)luaL_checkinteger(L, 2);
  const char *wanted = luaL_checkstring(L, 3);
  int64_t deadline = check_deadline(L, 4);
  uint32_t events = (strchr(wanted, 'r') ? (uint32_t)EPOLLIN : 0) |
                    (strchr(wanted, 'w') ? (uint32_t)EPOLLOUT : 0);
  slot *s;
  if (events == 0) pgv_argerror(L, "events: expected 'r', 'w' or 'rw'");
  pthread_mutex_lock(&bridge.lock);
  s = &bridge.slots[c->slot];
  arm(s, events, deadline);
  failure = watch(s, fd);
  if (failure != 0) disarm(s);
  pthread_mutex_unlock(&bridge.lock);
  if (failure != 0)
    pgv_raise(L, "InterfaceError", NULL, "cannot wait for descriptor %d: %s",
              fd, strerror(failure));
  return 0;
}

void pgv_bridge_forget(int fd) {
  uint32_t i;
  if (fd < 0 || bridge.pid != pgv_pid()) return;
  pthread_mutex_lock(&bridge.sending);
  pthread_mutex_lock(&bridge.lock);
  epoll_ctl(bridge.epoll, EPOLL_CTL_DEL, fd, NULL);
  for (i = 0; i < bridge.n; i++) {
    slot *s = &bridge.slots[i];
    if (s->watched != fd) continue;
    s->watched = -1;
    if (s->events != 0) {
      letter l = answer_ready(s, EPOLLHUP);
      dispatch(&l);
    }
  }
  pthread_mutex_unlock(&bridge.lock);
  pthread_mutex_unlock(&bridge.sending);
}

/* channel:expect([timeout in ms]) arms it for signal alone */
static int channel_expect(lua_State *L) {
  channel *c = check_open(L, 1);
  int64_t deadline = check_deadline(L, 2);
  slot *s;
  pthread_mutex_lock(&bridge.lock);
  s = &bridge.slots[c->slot];
  s->watched = -1;
  arm(s, EPOLLIN, deadline);
  pthread_mutex_unlock(&bridge.lock);
  return 0;
}

/* channel:signal() answers "r" to whoever waits; false if nobody does */
static int channel_signal(lua_State *L) {
  channel *c = check_any(L, 1);
  int heard = 0;
  if (c->fd >= 0 && c->pid == pgv_pid() && is_connected(c)) {
    slot *s;
    pthread_mutex_lock(&bridge.sending);
    pthread_mutex_lock(&bridge.lock);
    s = &bridge.slots[c->slot];
    heard = s->events != 0;
    if (heard) {
      letter l = answer(s, 'r');
      dispatch(&l);
    }
    pthread_mutex_unlock(&bridge.lock);
    pthread_mutex_unlock(&bridge.sending);
  }
  lua_pushboolean(L, heard);
  return 1;
}

/* channel:is_connected() → false once the other end is closed */
static int channel_is_connected(lua_State *L) {
  lua_pushboolean(L, is_connected(check_any(L, 1)));
  return 1;
}

/* a forked child closes its copy of the descriptor and leaves the rest be */
static int channel_close(lua_State *L) {
  channel *c = check_any(L, 1);
  if (c->slot != UINT32_MAX && c->pid == pgv_pid()) {
    slot *s;
    pthread_mutex_lock(&bridge.sending);
    pthread_mutex_lock(&bridge.lock);
    s = &bridge.slots[c->slot];
    disarm(s);
    s->notify = s->watched = -1;
    pthread_mutex_unlock(&bridge.lock);
    pthread_mutex_unlock(&bridge.sending);
  }
  c->slot = UINT32_MAX;
  close_fd(&c->fd);
  return 0;
}

static int channel_tostring(lua_State *L) {
  channel *c = check_any(L, 1);
  if (c->fd < 0)
    lua_pushliteral(L, PGV_CHANNEL " (closed)");
  else
    lua_pushfstring(L, PGV_CHANNEL " (%p)", (void *)c);
  return 1;
}

static const luaL_Reg channel_methods[] = {
    {"arm", channel_arm},
    {"expect", channel_expect},
    {"signal", channel_signal},
    {"is_connected", channel_is_connected},
    {"close", channel_close},
    {NULL, NULL},
};

static const luaL_Reg channel_meta[] = {
    {"__gc", channel_close},
    {"__close", channel_close},
    {"__tostring", channel_tostring},
    {NULL, NULL},
};

static void open_channel(lua_State *L) {
  luaL_newmetatable(L, PGV_CHANNEL);
  luaL_setfuncs(L, channel_meta, 0);
  luaL_newlib(L, channel_methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

#else /* epoll is Linux's */

static int refuse(lua_State *L) {
  pgv_raise(L, "NotSupportedError", NULL,
            "the readiness bridge needs Linux: it is built on epoll");
}

#define bridge_address refuse
#define bridge_accept refuse
#define open_channel(L) ((void)(L))

void pgv_bridge_forget(int fd) { (void)fd; }

#endif

static const luaL_Reg functions[] = {
    {"address", bridge_address},
    {"accept", bridge_accept},
    {NULL, NULL},
};

void pgv_open_bridge(lua_State *L) {
  open_channel(L);
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "bridge");
}
