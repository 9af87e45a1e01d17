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

/*
** [-0, +0, -] does `next` go on from key i (0: from the start) to i + 1, and so
** on to the key `last`? `end`: and does it find nothing more?
*/
static int goes_on(lua_State *L, int idx, lua_Integer i, lua_Integer last,
                   int end) {
  if (i == 0) {
    lua_pushnil(L);
  } else {
    int absent = pgv_rawgeti(L, idx, (int)i) == LUA_TNIL;
    lua_pop(L, 1);
    if (absent) return 0; /* `next` would raise */
    lua_pushinteger(L, i);
  }
  while (end || i < last) {
    if (!lua_next(L, idx)) return i == last;
    lua_pop(L, 1);
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) != ++i || i > last) {
      lua_pop(L, 1);
      return 0;
    }
  }
  lua_pop(L, 1);
  return 1;
}

/*
** [-0, +0, -] are the keys 1 to n, and no others, in this order? Not all of
** them are looked at. A table has two parts, one with the keys from 1 up to
** some m, which come first and in order, and one with the rest. m is a power
** of two, or what the table was made for. So this looks at the start, behind
** the powers of two, and at the last keys.
*/
static int in_order(lua_State *L, int idx, lua_Integer n) {
  enum { LAST = 16 };
  lua_Integer m;
  for (m = 1; m < n; m *= 2)
    if (!goes_on(L, idx, m, m + 1, 0)) return 0;
  return goes_on(L, idx, 0, n > 0, 0) &&
         goes_on(L, idx, n > LAST ? n - LAST : 0, n, 1);
}

int32_t pgv_sequence(lua_State *L, int idx, const char *expected) {
  size_t length = lua_rawlen(L, idx);
  lua_Integer n = length > INT32_MAX ? INT32_MAX : (lua_Integer)length;
  idx = lua_absindex(L, idx);
  if (in_order(L, idx, n)) return (int32_t)n;
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
