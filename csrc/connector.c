/*
** Connecting in a thread: what libpq does without asking (looking up names,
** reading password files and certificates) does not hold up an event loop.
** The thread has the attempt to itself until it is done.
*/
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bridge.h"
#include "pq.h"
#include "thread.h"

#define ATTEMPT "pgvector.attempt"
#define GLANCE 50 /* ms between two looks whether anybody still cares */

typedef struct attempt {
  pthread_mutex_t lock; /* of the two counters and of pg */
  int refs;             /* the thread and the box */
  int state;            /* CONNECTING, DONE; ABANDONED by the box */
  int late;             /* a host took longer than connect_timeout */
  PGconn *pg;
  pgv_notices *notices;
  int ours, theirs; /* a pair of sockets; a byte comes when it is done */
  const char **keys, **values;
} attempt;

enum { CONNECTING, DONE, ABANDONED };

/* ---- both sides ---- */

static int state_of(attempt *a) {
  int state;
  pthread_mutex_lock(&a->lock);
  state = a->state;
  pthread_mutex_unlock(&a->lock);
  return state;
}

static void release(attempt *a) {
  int refs;
  pthread_mutex_lock(&a->lock);
  refs = --a->refs;
  pthread_mutex_unlock(&a->lock);
  if (refs > 0) return;
  PQfinish(a->pg);
  pgv_notices_unref(a->notices);
  if (a->ours >= 0) close(a->ours);
  if (a->theirs >= 0) close(a->theirs);
  pthread_mutex_destroy(&a->lock);
  free(a->keys);
  free(a);
}

/* ---- the thread ---- */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* seconds for each host; 0: any */
static double time_limit(PGconn *pg) {
  PQconninfoOption *options = PQconninfo(pg);
  const char *text = pgv_keyword(options, "connect_timeout");
  double limit = text == NULL ? 0 : strtod(text, NULL);
  PQconninfoFree(options);
  return limit > 0 ? limit : 0;
}

/* waits for the next step; 0 if there shall be none */
static int await(attempt *a, short events, double deadline) {
  struct pollfd p;
  p.fd = PQsocket(a->pg);
  p.events = events;
  while (poll(&p, 1, GLANCE) <= 0) {
    if (state_of(a) == ABANDONED || pgv_thread_leaving()) return 0;
    a->late = deadline > 0 && now() >= deadline;
    if (a->late) return 0;
  }
  return 1;
}

static void try_to_connect(attempt *a) {
  /* libpq's rule: act as if the first answer was "writing" */
  PostgresPollingStatusType step = PGRES_POLLING_WRITING;
  char place[PGV_PLACE], before[PGV_PLACE] = "";
  double limit, deadline = 0;
  a->pg = PQconnectStartParams(a->keys, a->values, 0);
  if (a->pg == NULL) return;
  pgv_conn_prepare(a->pg, a->notices);
  if (PQstatus(a->pg) == CONNECTION_BAD) return;
  limit = time_limit(a->pg);
  while (step == PGRES_POLLING_READING || step == PGRES_POLLING_WRITING) {
    pgv_place_of(a->pg, place, sizeof place);
    if (limit > 0 && strcmp(place, before) != 0) {
      deadline = now() + limit;
      memcpy(before, place, sizeof before);
    }
    if (!await(a, step == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
      return;
    step = PQconnectPoll(a->pg);
  }
}

static void run(void *arg) {
  attempt *a = (attempt *)arg;
  try_to_connect(a);
  pthread_mutex_lock(&a->lock);
  if (a->state == CONNECTING) a->state = DONE;
  pthread_mutex_unlock(&a->lock);
  pgv_wake(a->theirs);
  release(a);
}

/* ---- the box ---- */

/* copies the n keywords of the sequence at idx; NULL if there is no memory */
static attempt *new_attempt(lua_State *L, int idx, int n) {
  size_t pointers = 2 * ((size_t)n + 1), bytes = 0;
  attempt *a = (attempt *)calloc(1, sizeof *a);
  char *text;
  int i;
  if (a == NULL) return NULL;
  for (i = 1; i <= 2 * n; i++) {
    lua_rawgeti(L, idx, i);
    bytes += lua_rawlen(L, -1) + 1;
    lua_pop(L, 1);
  }
  a->keys = (const char **)malloc(pointers * sizeof *a->keys + bytes);
  a->notices = pgv_notices_new();
  if (a->keys == NULL || a->notices == NULL) {
    free(a->keys);
    pgv_notices_unref(a->notices);
    free(a);
    return NULL;
  }
  a->values = a->keys + n + 1;
  a->keys[n] = a->values[n] = NULL;
  text = (char *)(a->keys + pointers);
  for (i = 0; i < 2 * n; i++) {
    size_t size;
    lua_rawgeti(L, idx, i + 1);
    size = lua_rawlen(L, -1) + 1;
    memcpy(text, lua_tostring(L, -1), size);
    lua_pop(L, 1);
    (i % 2 == 0 ? a->keys : a->values)[i / 2] = text;
    text += size;
  }
  pthread_mutex_init(&a->lock, NULL);
  a->refs = 1;
  a->ours = a->theirs = -1;
  return a;
}

static attempt **check_box(lua_State *L) {
  return (attempt **)luaL_checkudata(L, 1, ATTEMPT);
}

static attempt *check_open(lua_State *L) {
  attempt *a = *check_box(L);
  if (a == NULL)
    pgv_raise(L, "InterfaceError", NULL, "the attempt to connect is over");
  return a;
}

/* lets go of the box's side */
static void leave(attempt **box) {
  attempt *a = *box;
  *box = NULL;
  pgv_bridge_forget(a->ours);
  release(a);
}

/* core.connect_begin(keywords) → attempt */
static int connect_begin(lua_State *L) {
  attempt **box;
  int n, failure;
  lua_settop(L, 1);
  n = pgv_collect_keywords(L); /* at 2 */
  box = (attempt **)lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, ATTEMPT);
  *box = new_attempt(L, 2, n);
  if (*box == NULL) return luaL_error(L, "not enough memory");
  failure = pgv_pair(&(*box)->ours, &(*box)->theirs);
  if (failure == 0) {
    (*box)->refs = 2;
    failure = pgv_thread_run(run, *box);
    if (failure == 0) return 1;
    (*box)->refs = 1;
  }
  pgv_raise(L, "OperationalError", NULL, "cannot connect in a thread: %s",
            strerror(failure));
}

/* attempt:socket() is readable once the attempt has ended */
static int attempt_socket(lua_State *L) {
  lua_pushinteger(L, check_open(L)->ours);
  return 1;
}

/* attempt:take() → connection and "ok"; or and "late", if a host took longer
** than connect_timeout; nil and a report; or nil while it goes on */
static int attempt_take(lua_State *L) {
  attempt *a = check_open(L);
  pgv_conn *c;
  int late;
  if (state_of(a) != DONE) return 0;
  c = pgv_conn_new(L);
  if (a->pg == NULL) return luaL_error(L, "not enough memory");
  c->pg = a->pg;
  c->notices = a->notices;
  a->pg = NULL;
  a->notices = NULL;
  late = a->late;
  leave(check_box(L));
  if (!late && PQstatus(c->pg) != CONNECTION_OK) return pgv_connect_fail(L, c);
  c->events = "r";
  PQsetErrorVerbosity(c->pg, PQERRORS_DEFAULT);
  lua_pushstring(L, late ? "late" : "ok");
  return 2;
}

/* attempt:abandon() the thread ends it when it next looks */
static int attempt_abandon(lua_State *L) {
  attempt **box = check_box(L), *a = *box;
  if (a == NULL) return 0;
  pthread_mutex_lock(&a->lock);
  a->state = ABANDONED;
  pthread_mutex_unlock(&a->lock);
  leave(box);
  return 0;
}

static const luaL_Reg attempt_methods[] = {
    {"socket", attempt_socket},
    {"take", attempt_take},
    {"abandon", attempt_abandon},
    {NULL, NULL},
};

static const luaL_Reg attempt_meta[] = {
    {"__gc", attempt_abandon},
    {"__close", attempt_abandon},
    {NULL, NULL},
};

void pgv_open_connector(lua_State *L) {
  luaL_newmetatable(L, ATTEMPT);
  luaL_setfuncs(L, attempt_meta, 0);
  luaL_newlib(L, attempt_methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushcfunction(L, connect_begin);
  lua_setfield(L, -2, "connect_begin");
}
