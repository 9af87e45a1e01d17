/*
** Asking the server to stop what it does. A request is a conversation of its
** own, and is waited for as a connection is: by its descriptor, in steps.
** libpq 17 can do that; before it PQcancel blocks, and a thread calls it.
*/
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "pq.h"
#include "thread.h"

#define REQUEST "pgvector.cancelrequest"

/*
** Both ways are the same few functions. To start a request gives the text of
** its failure, or NULL: then FIRST is to be waited for. A step gives "r", "w",
** "ok", or NULL and the text of a failure.
*/
#ifdef LIBPQ_HAS_ASYNC_CANCEL

typedef PGcancelConn request;

#define FIRST "w"

static const char *start(request **out, PGconn *pg) {
  *out = PQcancelCreate(pg);
  if (*out == NULL) return "not enough memory";
  return PQcancelStart(*out) ? NULL : PQcancelErrorMessage(*out);
}

static int descriptor(const request *r) { return PQcancelSocket(r); }

static const char *step(request *r, const char **failure) {
  pgv_bridge_forget(PQcancelSocket(r)); /* libpq may close it */
  switch (PQcancelPoll(r)) {
  case PGRES_POLLING_READING: return "r";
  case PGRES_POLLING_WRITING: return "w";
  case PGRES_POLLING_OK: return "ok";
  default: *failure = PQcancelErrorMessage(r); return NULL;
  }
}

static void drop(request *r) {
  pgv_bridge_forget(PQcancelSocket(r));
  PQcancelFinish(r);
}

void pgv_cancel_now(PGconn *pg) {
  PGcancelConn *c = PQcancelCreate(pg);
  if (c != NULL) PQcancelBlocking(c);
  PQcancelFinish(c);
}

#else

#define FIRST "r"

typedef struct request {
  pthread_mutex_t lock; /* of refs and done */
  int refs;             /* the thread and the box */
  int done;             /* the thread has nothing more to say */
  int ok;
  int ours, theirs; /* a pair of sockets; a byte comes when it is done */
  PGcancel *cancel;
  char message[256];
} request;

static void release(request *r) {
  int refs;
  pthread_mutex_lock(&r->lock);
  refs = --r->refs;
  pthread_mutex_unlock(&r->lock);
  if (refs > 0) return;
  PQfreeCancel(r->cancel);
  if (r->ours >= 0) close(r->ours);
  if (r->theirs >= 0) close(r->theirs);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

static void run(void *arg) {
  request *r = (request *)arg;
  r->ok = PQcancel(r->cancel, r->message, sizeof r->message);
  pthread_mutex_lock(&r->lock);
  r->done = 1;
  pthread_mutex_unlock(&r->lock);
  pgv_wake(r->theirs);
  release(r);
}

static const char *start(request **out, PGconn *pg) {
  int failure;
  request *r = (request *)calloc(1, sizeof *r);
  if (r == NULL) return "not enough memory";
  pthread_mutex_init(&r->lock, NULL);
  r->refs = 1;
  r->ours = r->theirs = -1;
  *out = r;
  r->cancel = PQgetCancel(pg);
  if (r->cancel == NULL) return "no connection to the server";
  failure = pgv_pair(&r->ours, &r->theirs);
  if (failure != 0) return strerror(failure);
  r->refs = 2;
  failure = pgv_thread_run(run, r);
  if (failure == 0) return NULL;
  r->refs = 1;
  return strerror(failure);
}

static int descriptor(const request *r) { return r->ours; }

static const char *step(request *r, const char **failure) {
  int done;
  pthread_mutex_lock(&r->lock);
  done = r->done;
  pthread_mutex_unlock(&r->lock);
  if (!done) return "r";
  if (r->ok) return "ok";
  *failure = r->message;
  return NULL;
}

static void drop(request *r) {
  pgv_bridge_forget(r->ours);
  release(r);
}

void pgv_cancel_now(PGconn *pg) {
  char message[256];
  PGcancel *cancel = PQgetCancel(pg);
  if (cancel != NULL) PQcancel(cancel, message, sizeof message);
  PQfreeCancel(cancel);
}

#endif

/* ---- the box ---- */

typedef struct request_box {
  request *r;   /* NULL: over */
  char started; /* FIRST was asked for */
} request_box;

static request_box *check_any(lua_State *L) {
  return (request_box *)luaL_checkudata(L, 1, REQUEST);
}

static request_box *check_open(lua_State *L) {
  request_box *box = check_any(L);
  if (box->r == NULL)
    pgv_raise(L, "InterfaceError", NULL, "the cancel request is over");
  return box;
}

/* request:finish() gives it up, also while it is under way */
static int request_finish(lua_State *L) {
  request_box *box = check_any(L);
  request *r = box->r;
  box->r = NULL;
  if (r != NULL) drop(r);
  return 0;
}

static int request_socket(lua_State *L) {
  lua_pushinteger(L, descriptor(check_open(L)->r));
  return 1;
}

/* "r" or "w": wait for that; "ok"; or nil and a report */
static int request_poll(lua_State *L) {
  request_box *box = check_open(L);
  const char *failure = NULL, *answer = FIRST;
  if (box->started) answer = step(box->r, &failure);
  box->started = 1;
  if (answer == NULL) return pgv_fail(L, failure);
  lua_pushstring(L, answer);
  return 1;
}

/* conn:cancel_start() → request, or nil and a report */
static int conn_cancel_start(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  const char *failure;
  request_box *box = (request_box *)lua_newuserdatauv(L, sizeof *box, 0);
  memset(box, 0, sizeof *box);
  luaL_setmetatable(L, REQUEST);
  failure = start(&box->r, c->pg);
  return failure == NULL ? 1 : pgv_fail(L, failure);
}

const luaL_Reg pgv_cancel_methods[] = {
    {"cancel_start", conn_cancel_start},
    {NULL, NULL},
};

static const luaL_Reg request_methods[] = {
    {"socket", request_socket},
    {"poll", request_poll},
    {"finish", request_finish},
    {NULL, NULL},
};

static const luaL_Reg request_meta[] = {
    {"__gc", request_finish},
    {"__close", request_finish},
    {NULL, NULL},
};

void pgv_open_cancel(lua_State *L) {
  luaL_newmetatable(L, REQUEST);
  luaL_setfuncs(L, request_meta, 0);
  luaL_newlib(L, request_methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
