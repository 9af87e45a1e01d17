/*
** Lua tables as input: which ones are sequences, and what to say about the
** others.
*/
#include "value.h"

/* [-1, +0, e] raises about the key on the top, which a sequence cannot have */
static void key_error(lua_State *L, int idx, const char *expected) {
  lua_Integer i = 1;
  if (lua_type(L, -1) == LUA_TSTRING)
    pgv_dataerror(L, "22000", "expected a sequence, got key '%s'",
                  lua_tostring(L, -1));
  if (!lua_isinteger(L, -1) || lua_tonumber(L, -1) < 1)
    pgv_dataerror(L, "22000", "expected a sequence, got a key of type %s",
                  pgv_typename(L, -1));
  for (lua_rawgeti(L, idx, i); !lua_isnil(L, -1); lua_rawgeti(L, idx, i)) {
    lua_pop(L, 1);
    i++;
  }
  pgv_element_error(L, i, expected); /* the hole before that key */
}

/* [-0, +0, -] does `next` go on from key `i` (0: start) to key `j` (0: end)? */
static int goes_on(lua_State *L, int idx, lua_Integer i, lua_Integer j) {
  int yes;
  if (i == 0) {
    lua_pushnil(L);
  } else {
    lua_rawgeti(L, idx, (int)i);
    yes = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (!yes) return 0; /* `next` raises for an absent key */
    lua_pushinteger(L, i);
  }
  if (!lua_next(L, idx)) return j == 0;
  yes = lua_isinteger(L, -2) && lua_tointeger(L, -2) == j;
  lua_pop(L, 2);
  return yes;
}

int32_t pgv_sequence(lua_State *L, int idx, const char *expected) {
  enum { FEW = 64 };
  size_t length = lua_rawlen(L, idx);
  lua_Integer n = length > INT32_MAX ? INT32_MAX : (lua_Integer)length;
  idx = lua_absindex(L, idx);
  /*
  ** Elements that a table got in ascending order precede its other keys, and
  ** then it is enough to look behind the last one. If they do not look so
  ** (or are few), all keys are looked at.
  */
  if (n > FEW && goes_on(L, idx, 0, 1) && goes_on(L, idx, n - 1, n) &&
      goes_on(L, idx, n, 0))
    return (int32_t)n;
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    lua_pop(L, 1);
    if (!lua_isinteger(L, -1) || lua_tonumber(L, -1) < 1 ||
        lua_tonumber(L, -1) > (lua_Number)n)
      key_error(L, idx, expected);
  }
  return (int32_t)n;
}

void pgv_element_error(lua_State *L, lua_Integer i, const char *expected) {
  pgv_dataerror(L, lua_isnil(L, -1) ? "22004" : "22000",
                "element %ld: expected %s, got %s", (long)i, expected,
                pgv_typename(L, -1));
}
