/*
** Threads of the core, none of which ever runs Lua, and its process.
*/
#ifndef PGV_THREAD_H
#define PGV_THREAD_H

#include <stddef.h>
#include <sys/types.h>

/* getpid, but without a system call, of which one per statement adds up; not
** for threads of the core */
pid_t pgv_pid(void);

/* starts a detached thread with every signal blocked; 0 or an errno */
int pgv_thread_start(void *(*run)(void *arg), void *arg, size_t stack);

/*
** The same for work that ends by itself. When the process exits it waits a
** moment for such threads: libraries under them, such as OpenSSL's, clean up
** at exit. Long work looks at pgv_thread_leaving now and then.
*/
int pgv_thread_run(void (*work)(void *arg), void *arg);

/* a pair of sockets: what waits for one of them is woken through the other; 0
** or an errno */
int pgv_pair(int *ours, int *theirs);
void pgv_wake(int theirs);
int pgv_thread_leaving(void);

#endif
