/*
** The one producer of errors. errors.lua hands in a function that makes an
** error object; a core used without it raises plain strings.
*/
#include <stdarg.h>
#include <stdio.h>

#include "error.h"

#define FACTORY "pgvector.error" /* its place in the registry */

/* [-0, +0, e] core.on_error(function(class, message, sqlstate) -> object) */
int pgv_on_error(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, FACTORY);
  return 0;
}

void pgv_raise(lua_State *L, const char *cls, const char *sqlstate,
               const char *fmt, ...) {
  char message[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(message, sizeof message, fmt, ap);
  va_end(ap);
  lua_getfield(L, LUA_REGISTRYINDEX, FACTORY);
  if (lua_isnil(L, -1)) {
    lua_pushstring(L, message);
  } else {
    lua_pushstring(L, cls);
    lua_pushstring(L, message);
    lua_pushstring(L, sqlstate); /* NULL pushes nil */
    lua_call(L, 3, 1);
  }
  lua_error(L);
  for (;;) {} /* lua_error does not return, but is not declared so */
}
