/*
** What a spec can do to a process: memory that runs out, signals, a fork, a
** limit of descriptors, a clock that jumps. It is a Lua module; a program that
** is started with LD_PRELOAD set to this very file has the functions of its
** malloc, clock and look-up of names replaced, too.
**
** Only functions that are the same in every Lua are called, declared here: one
** object serves them all.
*/
#define _GNU_SOURCE 1

#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct lua_State lua_State;
typedef int (*lua_CFunction)(lua_State *L);
typedef void *(*lua_Alloc)(void *ud, void *p, size_t old, size_t new);
extern double luaL_checknumber(lua_State *L, int idx);
extern void lua_pushnumber(lua_State *L, double n);
extern void lua_pushcclosure(lua_State *L, lua_CFunction f, int n);
extern void lua_createtable(lua_State *L, int narr, int nrec);
extern void lua_setfield(lua_State *L, int idx, const char *name);
extern lua_Alloc lua_getallocf(lua_State *L, void **ud);
extern void lua_setallocf(lua_State *L, lua_Alloc f, void *ud);
extern int luaopen_faults(lua_State *L);

static int number(lua_State *L, double n) {
  lua_pushnumber(L, n);
  return 1;
}

/* ---- Lua's memory ---- */

static struct {
  lua_Alloc alloc;
  void *ud;
  long at, count; /* the first that fails, and how many do */
} lua;

static void *lua_failing(void *ud, void *p, size_t old, size_t new) {
  (void)ud;
  if (new > (p ? old : 0) && --lua.at < 0 && lua.at >= -lua.count) return NULL;
  return lua.alloc(lua.ud, p, old, new);
}

/* fail_lua(n, count): the n-th request of the interpreter is refused, and
** those after it until there were `count` */
static int fail_lua(lua_State *L) {
  lua.at = (long)luaL_checknumber(L, 1) - 1;
  lua.count = (long)luaL_checknumber(L, 2);
  if (lua.alloc == NULL) lua.alloc = lua_getallocf(L, &lua.ud);
  lua_setallocf(L, lua_failing, NULL);
  return 0;
}

/* → 1 if a request was refused; no memory is needed for this call */
static int spare_lua(lua_State *L) {
  if (lua.alloc != NULL) lua_setallocf(L, lua.alloc, lua.ud);
  return number(L, lua.at < 0);
}

/* ---- libpq's and the core's memory ---- */

static struct {
  const char *from[4], *to[4]; /* their code */
  int n;
  long at; /* 0: nothing fails */
} c;

static int is_watched(const char *name) {
  return strstr(name, "libpq.so") || strstr(name, "pgvector/core.so");
}

static int find_code(struct dl_phdr_info *info, size_t size, void *arg) {
  int i;
  (void)size;
  (void)arg;
  for (i = 0; i < info->dlpi_phnum && is_watched(info->dlpi_name); i++) {
    const ElfW(Phdr) *h = &info->dlpi_phdr[i];
    if (h->p_type != PT_LOAD || !(h->p_flags & PF_X) || c.n == 4) continue;
    c.from[c.n] = (const char *)info->dlpi_addr + h->p_vaddr;
    c.to[c.n] = c.from[c.n] + h->p_memsz;
    c.n++;
  }
  return 0;
}

/* fail_c(n): the n-th request of libpq or the core is refused */
static int fail_c(lua_State *L) {
  c.n = 0;
  dl_iterate_phdr(find_code, NULL);
  c.at = (long)luaL_checknumber(L, 1);
  return 0;
}

/* → 1 if a request was refused */
static int spare_c(lua_State *L) {
  long at = c.at;
  c.at = 0;
  return number(L, at < 0);
}

/* the bytes that malloc has handed out */
static int used(lua_State *L) {
  return number(L, (double)mallinfo2().uordblks);
}

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static int refused(const char *caller) {
  int i;
  if (c.at <= 0) return 0;
  for (i = 0; i < c.n; i++)
    if (caller >= c.from[i] && caller < c.to[i]) {
      if (--c.at > 0) return 0;
      c.at = -1;
      return 1;
    }
  return 0;
}

#define REFUSED() refused((const char *)__builtin_return_address(0))

void *malloc(size_t n) { return REFUSED() ? NULL : __libc_malloc(n); }

void *calloc(size_t n, size_t size) {
  return REFUSED() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n) {
  return REFUSED() ? NULL : __libc_realloc(p, n);
}

char *strdup(const char *s) {
  size_t n = strlen(s) + 1;
  char *p = REFUSED() ? NULL : (char *)__libc_malloc(n);
  return p ? (char *)memcpy(p, s, n) : NULL;
}

/* ---- the clock on the wall ---- */

static time_t ahead;

static int jump(lua_State *L) {
  ahead = (time_t)luaL_checknumber(L, 1);
  return 0;
}

int clock_gettime(clockid_t id, struct timespec *t) {
  int status = (int)syscall(SYS_clock_gettime, id, t);
  if (status == 0 && id == CLOCK_REALTIME) t->tv_sec += ahead;
  return status;
}

time_t time(time_t *out) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  if (out != NULL) *out = t.tv_sec;
  return t.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
  struct timespec t;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &t);
  tv->tv_sec = t.tv_sec;
  tv->tv_usec = t.tv_nsec / 1000;
  return 0;
}

/* ---- names that take long to look up: SLOW_LOOKUPS milliseconds ---- */

int getaddrinfo(const char *node, const char *service,
                const struct addrinfo *hints, struct addrinfo **out) {
  union {
    void *object;
    int (*function)(const char *, const char *, const struct addrinfo *,
                    struct addrinfo **);
  } next;
  const char *slow = getenv("SLOW_LOOKUPS");
  if (slow != NULL && node != NULL) usleep((useconds_t)atoi(slow) * 1000);
  next.object = dlsym(RTLD_NEXT, "getaddrinfo");
  return next.function(node, service, hints, out);
}

/* ---- signals ---- */

static volatile sig_atomic_t signals;

static void count_signal(int number_of_it) {
  (void)number_of_it;
  signals++;
}

static void handle(int which, void (*handler)(int)) {
  struct sigaction a;
  memset(&a, 0, sizeof a); /* without SA_RESTART */
  a.sa_handler = handler;
  sigaction(which, &a, NULL);
}

/* storm(µs) sends this process a signal every so many microseconds; 0 ends
** it. → how many came */
static int storm(lua_State *L) {
  struct itimerval every;
  memset(&every, 0, sizeof every);
  every.it_interval.tv_usec = every.it_value.tv_usec =
      (suseconds_t)luaL_checknumber(L, 1);
  if (every.it_value.tv_usec) {
    signals = 0;
    handle(SIGALRM, count_signal);
  }
  setitimer(ITIMER_REAL, &every, NULL);
  return number(L, signals);
}

/* count_sigpipe() has a handler count the SIGPIPEs to come */
static int count_sigpipe(lua_State *L) {
  (void)L;
  signals = 0;
  handle(SIGPIPE, count_signal);
  return 0;
}

/* → how many came; -1 if somebody has changed the handler */
static int sigpipes(lua_State *L) {
  struct sigaction a;
  sigaction(SIGPIPE, NULL, &a);
  handle(SIGPIPE, SIG_DFL);
  return number(L, a.sa_handler == count_signal ? signals : -1);
}

/* ---- processes and descriptors ---- */

static int fork_(lua_State *L) { return number(L, fork()); }

static int exit_(lua_State *L) {
  _exit((int)luaL_checknumber(L, 1));
  return 0;
}

/* wait(pid) → its exit code, or minus the signal that ended it */
static int wait_(lua_State *L) {
  int status = 0;
  waitpid((pid_t)luaL_checknumber(L, 1), &status, 0);
  return number(L, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

/* limit(n) → the limit of descriptors until now */
static int limit(lua_State *L) {
  struct rlimit r;
  double before;
  getrlimit(RLIMIT_NOFILE, &r);
  before = (double)r.rlim_cur;
  r.rlim_cur = (rlim_t)luaL_checknumber(L, 1);
  setrlimit(RLIMIT_NOFILE, &r);
  return number(L, before);
}

static const struct {
  const char *name;
  lua_CFunction f;
} functions[] = {
    {"fail_lua", fail_lua}, {"spare_lua", spare_lua},
    {"fail_c", fail_c},     {"spare_c", spare_c},
    {"used", used},         {"jump", jump},
    {"storm", storm},       {"count_sigpipe", count_sigpipe},
    {"sigpipes", sigpipes}, {"fork", fork_},
    {"exit", exit_},        {"wait", wait_},
    {"limit", limit},
};

int luaopen_faults(lua_State *L) {
  size_t i;
  lua_createtable(L, 0, sizeof functions / sizeof *functions);
  for (i = 0; i < sizeof functions / sizeof *functions; i++) {
    lua_pushcclosure(L, functions[i].f, 0);
    lua_setfield(L, -2, functions[i].name);
  }
  return 1;
}
