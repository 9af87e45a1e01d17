/*
** pgvector.core: everything that is C. Users see it through the Lua files
** above it, never directly.
*/
#include "error.h"

#if defined(__GNUC__)
#define PGV_EXPORT __attribute__((visibility("default")))
#else
#define PGV_EXPORT
#endif

PGV_EXPORT int luaopen_pgvector_core(lua_State *L);

int luaopen_pgvector_core(lua_State *L) {
  lua_createtable(L, 0, 32);
  lua_pushcfunction(L, pgv_on_error);
  lua_setfield(L, -2, "on_error");
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  pgv_open_sys(L);
  pgv_open_bridge(L);
  pgv_open_values(L);
#ifndef PGV_NO_LIBPQ
  pgv_open_libpq(L);
#endif
  return 1;
}
