/*
** Asking the server to stop what a connection does. That is a short
** conversation of its own, on another connection, for which somebody has to
** wait: the caller, or a thread that tells a channel when it is over.
*/
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bridge.h"
#include "pq.h"
#include "thread.h"

#define MESSAGE 256 /* what libpq wants for its own */

struct pgv_cancel {
  pthread_mutex_t lock; /* of what follows */
  int refs;             /* the thread and the connection */
  int done, ok;
  pgv_ticket ticket; /* to be signalled */
  PGcancel *handle;
  char message[MESSAGE];
};

/* ---- both sides ---- */

static void release(pgv_cancel *r) {
  int refs;
  pthread_mutex_lock(&r->lock);
  refs = --r->refs;
  pthread_mutex_unlock(&r->lock);
  if (refs > 0) return;
  PQfreeCancel(r->handle);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

static int is_done(pgv_cancel *r) {
  int done;
  pthread_mutex_lock(&r->lock);
  done = r->done;
  pthread_mutex_unlock(&r->lock);
  return done;
}

/* ---- the thread ---- */

static void run(void *arg) {
  pgv_cancel *r = (pgv_cancel *)arg;
  pgv_ticket ticket;
  int ok = PQcancel(r->handle, r->message, MESSAGE);
  pthread_mutex_lock(&r->lock);
  r->done = 1;
  r->ok = ok;
  ticket = r->ticket;
  pthread_mutex_unlock(&r->lock);
  pgv_bridge_signal(ticket);
  release(r);
}

/* ---- the connection ---- */

void pgv_cancel_drop(pgv_conn *c) {
  pgv_cancel *r = c->cancel;
  c->cancel = NULL;
  if (r != NULL) release(r);
}

static pgv_cancel *new_request(PGconn *pg) {
  pgv_cancel *r = (pgv_cancel *)calloc(1, sizeof *r);
  if (r == NULL) return NULL;
  r->handle = PQgetCancel(pg);
  if (r->handle == NULL) {
    free(r);
    return NULL;
  }
  pthread_mutex_init(&r->lock, NULL);
  r->refs = 1;
  return r;
}

/*
** conn:cancel_begin(channel [, timeout in ms]) → true, or nil and a report.
** The channel is answered "r" when the server has delivered the request, "t"
** after the timeout. If one is under way, no second is made: it would reach
** the server in the middle of what comes next.
*/
static int cancel_begin(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  pgv_ticket ticket;
  int done, failure;
  if (c->cancel != NULL && is_done(c->cancel)) pgv_cancel_drop(c);
  ticket = pgv_channel_expect(L, 2, 3);
  lua_pushboolean(L, 1);
  if (c->cancel == NULL) {
    c->cancel = new_request(c->pg);
    if (c->cancel == NULL) return pgv_fail(L, "no connection to the server");
    c->cancel->ticket = ticket;
    c->cancel->refs = 2;
    failure = pgv_thread_run(run, c->cancel);
    if (failure == 0) return 1;
    c->cancel->refs = 1;
    pgv_cancel_drop(c);
    return pgv_fail(L, strerror(failure));
  }
  pthread_mutex_lock(&c->cancel->lock);
  done = c->cancel->done;
  c->cancel->ticket = ticket;
  pthread_mutex_unlock(&c->cancel->lock);
  if (done) pgv_bridge_signal(ticket);
  return 1;
}

/* conn:is_cancelling() → is a request under way? */
static int is_cancelling(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  lua_pushboolean(L, c->cancel != NULL && !is_done(c->cancel));
  return 1;
}

/* conn:cancel_end() → true, or nil and a report; false while it is under way */
static int cancel_end(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  pgv_cancel *r = c->cancel;
  int results = 1;
  if (r == NULL)
    pgv_raise(L, "InterfaceError", NULL, "nothing is being cancelled");
  if (is_done(r)) {
    if (r->ok)
      lua_pushboolean(L, 1);
    else
      results = pgv_fail(L, r->message);
    pgv_cancel_drop(c);
  } else {
    lua_pushboolean(L, 0);
  }
  return results;
}

/* conn:cancel() → true, or nil and a report; the one call that waits */
static int cancel_now(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  char message[MESSAGE] = "no connection to the server";
  PGcancel *handle = PQgetCancel(c->pg);
  int ok = handle != NULL && PQcancel(handle, message, sizeof message);
  PQfreeCancel(handle);
  if (!ok) return pgv_fail(L, message);
  lua_pushboolean(L, 1);
  return 1;
}

const luaL_Reg pgv_cancel_methods[] = {
    {"cancel", cancel_now},
    {"cancel_begin", cancel_begin},
    {"cancel_end", cancel_end},
    {"is_cancelling", is_cancelling},
    {NULL, NULL},
};
