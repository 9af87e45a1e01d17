/*
** Starting threads, forking and leaving the process while they work.
*/
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define STACK 1048576 /* name resolution and TLS need room */
#define GRACE 1       /* seconds that an exit waits for work to end */

static struct {
  pthread_mutex_t lock;
  pthread_cond_t ended;
  pid_t pid;   /* whose work is counted */
  int running; /* pieces of work */
  int leaving; /* the process is on its way out */
  int hooked;  /* leave() is registered; a child inherits that */
} threads = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0};

typedef struct piece {
  void (*work)(void *arg);
  void *arg;
} piece;

static pid_t process; /* 0: not known, as in a child that was just forked */

static void forget_process(void) { process = 0; }

pid_t pgv_pid(void) {
  static int hooked;
  if (!hooked) hooked = pthread_atfork(NULL, NULL, forget_process) == 0;
  if (process == 0 || !hooked) process = getpid();
  return process;
}

int pgv_thread_start(void *(*run)(void *arg), void *arg, size_t stack) {
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, before;
  int failure = pthread_attr_init(&attributes);
  if (failure != 0) return failure;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, stack);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread inherits it */
  failure = pthread_create(&thread, &attributes, run, arg);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return failure;
}

static void *run_piece(void *arg) {
  piece p = *(piece *)arg;
  free(arg);
  p.work(p.arg);
  pthread_mutex_lock(&threads.lock);
  threads.running--;
  pthread_cond_signal(&threads.ended);
  pthread_mutex_unlock(&threads.lock);
  return NULL;
}

/* at exit of a process whose work it is; a child that never had any passes */
static void leave(void) {
  struct timespec until;
  if (threads.pid != pgv_pid()) return;
  clock_gettime(CLOCK_REALTIME, &until); /* the clock of pthread_cond */
  until.tv_sec += GRACE;
  pthread_mutex_lock(&threads.lock);
  threads.leaving = 1;
  while (threads.running > 0 &&
         pthread_cond_timedwait(&threads.ended, &threads.lock, &until) == 0) {}
  pthread_mutex_unlock(&threads.lock);
}

/* a child has none of its parent's threads, and perhaps their lock */
static void after_fork(void) {
  static const pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;
  static const pthread_cond_t unwaited = PTHREAD_COND_INITIALIZER;
  if (threads.pid == pgv_pid()) return;
  threads.lock = unlocked;
  threads.ended = unwaited;
  threads.pid = pgv_pid();
  threads.running = threads.leaving = 0;
}

int pgv_thread_run(void (*work)(void *arg), void *arg) {
  int failure;
  piece *p = (piece *)malloc(sizeof *p);
  if (p == NULL) return ENOMEM;
  p->work = work;
  p->arg = arg;
  after_fork();
  if (!threads.hooked) threads.hooked = atexit(leave) == 0;
  pthread_mutex_lock(&threads.lock);
  failure = threads.leaving ? EAGAIN : pgv_thread_start(run_piece, p, STACK);
  if (failure == 0) threads.running++;
  pthread_mutex_unlock(&threads.lock);
  if (failure != 0) free(p);
  return failure;
}

int pgv_thread_leaving(void) {
  int leaving;
  pthread_mutex_lock(&threads.lock);
  leaving = threads.leaving;
  pthread_mutex_unlock(&threads.lock);
  return leaving;
}

int pgv_pair(int *ours, int *theirs) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return errno;
  fcntl(pair[0], F_SETFD, FD_CLOEXEC);
  fcntl(pair[1], F_SETFD, FD_CLOEXEC);
  *ours = pair[0];
  *theirs = pair[1];
  return 0;
}

void pgv_wake(int theirs) {
  (void)send(theirs, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}
