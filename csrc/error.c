/*
** The one producer of errors. errors.lua hands in a function that makes an
** error object; a core used without it raises plain strings.
*/
#include <stdarg.h>
#include <stdio.h>

#include "error.h"

#define FACTORY "pgvector.error" /* its place in the registry */
#define MESSAGE_SIZE 1024        /* a longer message is cut */

/* [-0, +0, e] core.on_error(function(class, message, sqlstate, detail)) */
int pgv_on_error(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, FACTORY);
  return 0;
}

PGV_NORETURN static void raise(lua_State *L, const char *cls,
                               const char *sqlstate, const char *detail,
                               const char *message) {
  lua_getfield(L, LUA_REGISTRYINDEX, FACTORY);
  if (lua_isnil(L, -1)) {
    lua_pushstring(L, message);
  } else {
    lua_pushstring(L, cls);
    lua_pushstring(L, message);
    lua_pushstring(L, sqlstate); /* NULL pushes nil */
    lua_pushstring(L, detail);
    lua_call(L, 4, 1);
  }
  lua_error(L);
  for (;;) {} /* lua_error does not return, but is not declared so */
}

void pgv_raise(lua_State *L, const char *cls, const char *sqlstate,
               const char *fmt, ...) {
  char message[MESSAGE_SIZE];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(message, sizeof message, fmt, ap);
  va_end(ap);
  raise(L, cls, sqlstate, NULL, message);
}

void pgv_raise_detail(lua_State *L, const char *cls, const char *sqlstate,
                      const char *detail, const char *fmt, ...) {
  char message[MESSAGE_SIZE];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(message, sizeof message, fmt, ap);
  va_end(ap);
  raise(L, cls, sqlstate, detail, message);
}

void pgv_reraise(lua_State *L, const char *prefix) {
  if (lua_istable(L, -1)) { /* one of our error objects */
    lua_pushstring(L, prefix);
    lua_getfield(L, -2, "message");
    if (lua_isstring(L, -1)) {
      lua_concat(L, 2);
      lua_setfield(L, -2, "message");
    } else {
      lua_pop(L, 2);
    }
  } else if (lua_type(L, -1) == LUA_TSTRING) {
    lua_pushstring(L, prefix);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  lua_error(L);
  for (;;) {}
}
