/*
** One value at a time: for other protocols, for documentation and for the
** specs of encoders and decoders.
*/
#include "codec.h"

/* [-0, +2, e] the field that the kind or specification at 1 describes; the
** shape that holds it stays on the stack, below its table */
static pgv_shape *push_shape(lua_State *L, const char *tname) {
  lua_createtable(L, 1, 0);
  if (lua_type(L, 1) == LUA_TSTRING) {
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "kind");
  } else {
    lua_pushvalue(L, 1);
  }
  lua_rawseti(L, -2, 1);
  lua_replace(L, 1);
  return pgv_shape_new(L, 1, 0, tname);
}

/* core.encode(kind or specification, value [, format]) → bytes */
static int encode(lua_State *L) {
  const pgv_shape *s;
  pgv_buf *b;
  int binary = (int)luaL_optinteger(L, 3, 1);
  lua_settop(L, 2);
  s = push_shape(L, PGV_ENCODER);
  if (binary && !pgv_field_has_binary(&s->f[0]))
    pgv_argerror(L, "type %s has no binary form here", s->f[0].kind->name);
  b = pgv_buf_new(L);
  (binary ? pgv_field_send : pgv_field_print)(L, 2, &s->f[0], b);
  lua_pushlstring(L, b->n > 0 ? b->p : "", b->n);
  return 1;
}

/* core.decode(kind or specification, bytes [, format]) → value */
static int decode(lua_State *L) {
  const pgv_shape *s;
  size_t n;
  const char *p = luaL_checklstring(L, 2, &n);
  int binary = (int)luaL_optinteger(L, 3, 1);
  lua_settop(L, 2);
  s = push_shape(L, PGV_DECODER);
  pgv_field_read(L, p, n, binary, &s->f[0]);
  return 1;
}

void pgv_open_codec(lua_State *L) {
  lua_pushcfunction(L, encode);
  lua_setfield(L, -2, "encode");
  lua_pushcfunction(L, decode);
  lua_setfield(L, -2, "decode");
}
