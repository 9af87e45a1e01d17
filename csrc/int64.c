/*
** 64-bit integers on every Lua.
*/
#include <inttypes.h>
#include <stdio.h>

#include "pgv.h"

void pgv_pushint64(lua_State *L, int64_t v) {
#if LUA_VERSION_NUM >= 503
  lua_pushinteger(L, (lua_Integer)v);
#else
  const int64_t exact = INT64_C(1) << 53;
  if (v >= -exact && v <= exact) {
    lua_pushnumber(L, (lua_Number)v);
  } else {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, v);
    lua_pushstring(L, digits);
  }
#endif
}
