/*
** The few things of the operating system that waiting and terminals need.
*/
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#define _DEFAULT_SOURCE 1 /* TIOCGWINSZ */

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "pgv.h"
#include "thread.h"

static double monotonic(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* milliseconds until the deadline, rounded up so that it has passed then */
static int remaining(double deadline) {
  double ms = ceil((deadline - monotonic()) * 1e3);
  return !(ms > 0) ? 0 : ms > 86400e3 ? 86400000 : (int)ms;
}

/*
** core.poll(fd, "r" | "w" | "rw" [, timeout in ms]) → what is ready, or nil.
** An error on the descriptor counts as ready: the next step meets it.
*/
static int sys_poll(lua_State *L) {
  struct pollfd p;
  const char *events = luaL_checkstring(L, 2);
  int forever = lua_isnoneornil(L, 3), n, ready;
  double deadline = forever ? 0 : monotonic() + luaL_checknumber(L, 3) / 1e3;
  p.fd = (int)luaL_checkinteger(L, 1);
  if (p.fd < 0) /* poll would ignore it, and wait */
    pgv_raise(L, "InterfaceError", NULL, "descriptor %d is closed", p.fd);
  p.events = (short)((strchr(events, 'r') ? POLLIN : 0) |
                     (strchr(events, 'w') ? POLLOUT : 0));
  do {
    p.revents = 0;
    n = poll(&p, 1, forever ? -1 : remaining(deadline));
  } while ((n < 0 && (errno == EINTR || errno == EAGAIN)) ||
           (n == 0 && (forever || remaining(deadline) > 0)));
  if (n < 0) pgv_raise(L, "InterfaceError", NULL, "poll: %s", strerror(errno));
  if (p.revents & POLLNVAL)
    pgv_raise(L, "InterfaceError", NULL, "descriptor %d is closed", p.fd);
  ready = p.revents & (POLLERR | POLLHUP) ? p.events : p.revents & p.events;
  lua_pushstring(L, ready == (POLLIN | POLLOUT) ? "rw"
                    : ready & POLLIN            ? "r"
                    : ready & POLLOUT           ? "w"
                                                : NULL);
  return 1;
}

static int sys_now(lua_State *L) {
  lua_pushnumber(L, monotonic());
  return 1;
}

static int sys_pid(lua_State *L) {
  lua_pushinteger(L, pgv_pid());
  return 1;
}

static int sys_isatty(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

/* core.columns(fd) → the width of the terminal, or nil */
static int sys_columns(lua_State *L) {
  struct winsize w;
  if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
    return 0;
  lua_pushinteger(L, w.ws_col);
  return 1;
}

static const luaL_Reg functions[] = {
    {"poll", sys_poll},     {"now", sys_now},         {"pid", sys_pid},
    {"isatty", sys_isatty}, {"columns", sys_columns}, {NULL, NULL},
};

void pgv_open_sys(lua_State *L) { luaL_setfuncs(L, functions, 0); }
