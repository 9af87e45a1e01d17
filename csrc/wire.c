/*
** Byte order, and the checks that binary input has in common.
*/
#include "value.h"

#include <string.h>

static int host_is_big_endian(void) {
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  return first == 0;
}

void pgv_order16(void *dst, const void *src, size_t n, int big_endian) {
  size_t i;
  if (big_endian == host_is_big_endian()) {
    memmove(dst, src, 2 * n);
    return;
  }
  for (i = 0; i < n; i++) {
    uint16_t v;
    memcpy(&v, (const char *)src + 2 * i, 2);
    v = (uint16_t)(v << 8 | v >> 8);
    memcpy((char *)dst + 2 * i, &v, 2);
  }
}

void pgv_order32(void *dst, const void *src, size_t n, int big_endian) {
  size_t i;
  if (big_endian == host_is_big_endian()) {
    memmove(dst, src, 4 * n);
    return;
  }
  for (i = 0; i < n; i++) {
    uint32_t v;
    memcpy(&v, (const char *)src + 4 * i, 4);
    v = v << 24 | (v << 8 & 0xff0000) | (v >> 8 & 0xff00) | v >> 24;
    memcpy((char *)dst + 4 * i, &v, 4);
  }
}

int pgv_big_endian(lua_State *L, int idx, const char *what) {
  int big = 0;
  if (lua_isnoneornil(L, idx)) return big;
  if (!lua_istable(L, idx))
    pgv_argerror(L, "%s: expected a table of options, got %s", what,
                 pgv_typename(L, idx));
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    const char *value;
    if (lua_type(L, -2) != LUA_TSTRING ||
        strcmp(lua_tostring(L, -2), "endian") != 0) {
      lua_pop(L, 1);
      pgv_argerror(L, "%s: unknown option '%s'", what,
                   lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
                                                  : pgv_typename(L, -1));
    }
    value = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    big = strcmp(value, "big") == 0;
    if (!big && strcmp(value, "little") != 0)
      pgv_argerror(L, "%s: endian must be \"little\" or \"big\"", what);
    lua_pop(L, 1);
  }
  return big;
}

void pgv_check_size(lua_State *L, const char *type, size_t n,
                    size_t expected) {
  if (n != expected)
    pgv_dataerror(L, "22P03",
                  "incorrect binary data format: %s of %lu bytes, expected %lu",
                  type, (unsigned long)n, (unsigned long)expected);
}

int32_t pgv_check_packed(lua_State *L, size_t n, size_t element) {
  if (n % element != 0)
    pgv_dataerror(L, "22P03", "%lu bytes are not a whole number of elements",
                  (unsigned long)n);
  n /= element;
  return n > INT32_MAX ? INT32_MAX : (int32_t)n;
}

void pgv_check_unused(lua_State *L, int unused) {
  if (unused != 0)
    pgv_dataerror(L, "22000", "expected unused to be 0, not %d", unused);
}
