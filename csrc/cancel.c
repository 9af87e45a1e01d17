/*
** Asking the server to stop. PQcancel is a conversation of its own, which
** blocks until the server has answered, and a network may never let it: a
** thread has it, and whoever asks waits for as long as he likes.
*/
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pq.h"
#include "thread.h"

typedef struct request {
  pthread_mutex_t lock;
  pthread_cond_t answered;
  int refs; /* the thread and who waits */
  int done, ok;
  PGcancel *cancel;
  char message[256];
} request;

#if defined(__APPLE__) /* has no other clock for conditions */
#define CLOCK CLOCK_REALTIME
#else
#define CLOCK CLOCK_MONOTONIC
#endif

static request *request_new(PGconn *pg) {
  request *r = (request *)calloc(1, sizeof *r);
  pthread_condattr_t attributes;
  if (r == NULL) return NULL;
  r->cancel = PQgetCancel(pg);
  if (r->cancel == NULL) {
    free(r);
    return NULL;
  }
  pthread_condattr_init(&attributes);
#if !defined(__APPLE__)
  pthread_condattr_setclock(&attributes, CLOCK);
#endif
  pthread_cond_init(&r->answered, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&r->lock, NULL);
  r->refs = 2;
  return r;
}

static void request_release(request *r, int refs) {
  pthread_mutex_lock(&r->lock);
  refs = r->refs -= refs;
  pthread_mutex_unlock(&r->lock);
  if (refs > 0) return;
  PQfreeCancel(r->cancel);
  pthread_cond_destroy(&r->answered);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

/* the thread */
static void ask(void *arg) {
  request *r = (request *)arg;
  char message[sizeof r->message] = "";
  int ok = PQcancel(r->cancel, message, sizeof message);
  pthread_mutex_lock(&r->lock);
  r->done = 1;
  r->ok = ok;
  memcpy(r->message, message, sizeof message);
  pthread_cond_signal(&r->answered);
  pthread_mutex_unlock(&r->lock);
  request_release(r, 1);
}

/* [-0, +0, -] copies what came of it */
static void wait_for_answer(request *r, double seconds, request *out) {
  struct timespec until;
  int status = 0;
  if (!(seconds < 1e6)) seconds = 1e6;
  clock_gettime(CLOCK, &until);
  until.tv_sec += (time_t)seconds;
  until.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  pthread_mutex_lock(&r->lock);
  while (!r->done && status == 0)
    status = pthread_cond_timedwait(&r->answered, &r->lock, &until);
  out->done = r->done;
  out->ok = r->ok;
  memcpy(out->message, r->message, sizeof out->message);
  pthread_mutex_unlock(&r->lock);
}

/*
** conn:cancel([seconds]) → true once the server has delivered the request; nil
** and a report, with `pending` if it may still be delivered
*/
static int conn_cancel(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  lua_Number seconds = luaL_optnumber(L, 2, 1e6);
  request *r, got;
  int failure;
  if (PQsocket(c->pg) < 0) return pgv_fail(L, "no connection to the server");
  r = request_new(c->pg);
  if (r == NULL) return pgv_fail(L, "no connection to the server");
  failure = pgv_thread_run(ask, r);
  if (failure != 0) {
    request_release(r, 2);
    return pgv_fail(L, strerror(failure));
  }
  wait_for_answer(r, (double)seconds, &got);
  request_release(r, 1);
  if (got.ok) {
    lua_pushboolean(L, 1);
    return 1;
  }
  if (got.done) return pgv_fail(L, got.message);
  pgv_fail(L, "the server did not take the request in time");
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, "pending");
  return 2;
}

const luaL_Reg pgv_cancel_methods[] = {
    {"cancel", conn_cancel},
    {NULL, NULL},
};
