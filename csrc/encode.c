/*
** From Lua values to what the server reads: what all kinds share.
*/
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "pq.h"

int pgv_isnull(lua_State *L, int idx) {
  int t = lua_type(L, idx);
  return t == LUA_TNIL ||
         (t == LUA_TLIGHTUSERDATA && lua_touserdata(L, idx) == NULL);
}

const char *pgv_describe(lua_State *L, int idx) {
  char text[64];
  size_t n;
  const char *s = pgv_value_type(L, idx);
  if (s != NULL) {
    lua_pushstring(L, s);
  } else if (lua_type(L, idx) == LUA_TNUMBER && lua_isinteger(L, idx)) {
    lua_pushvalue(L, idx);
  } else if (lua_type(L, idx) == LUA_TNUMBER) {
    pgv_double_text(text, lua_tonumber(L, idx));
    lua_pushstring(L, text);
  } else if (lua_type(L, idx) == LUA_TSTRING) {
    s = lua_tolstring(L, idx, &n);
    snprintf(text, sizeof text, "string \"%.40s%s\"", s, n > 40 ? "…" : "");
    lua_pushstring(L, text);
  } else {
    lua_pushstring(L, luaL_typename(L, idx));
  }
  return lua_tostring(L, -1);
}

int pgv_table_size(lua_State *L, int idx) {
  lua_Number n;
  size_t border = lua_rawlen(L, idx);
  lua_pushliteral(L, "n");
  lua_rawget(L, idx);
  n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : (lua_Number)border;
  lua_pop(L, 1);
  return !(n > 0) ? 0 : n > INT_MAX ? INT_MAX : (int)n;
}

void pgv_buf_puts(lua_State *L, pgv_buf *b, const char *s) {
  pgv_buf_add(L, b, s, strlen(s));
}

void pgv_check_extension(lua_State *L, const pgv_kind *k, Oid oid) {
  if (oid == 0 && k->flags & PGV_EXTENSION)
    pgv_dataerror(L, "42704", "%s type not found in the database", k->name);
}

int pgv_field_has_binary(const pgv_field *f) {
  return f->kind->send != NULL && !f->text_only;
}

void pgv_field_send(lua_State *L, int idx, const pgv_field *f, pgv_buf *b) {
  if (f->array)
    pgv_array_send(L, idx, f, b);
  else
    f->kind->send(L, idx, f->dim, b);
}

void pgv_field_print(lua_State *L, int idx, const pgv_field *f, pgv_buf *b) {
  if (f->array)
    pgv_array_print(L, idx, f, b);
  else
    f->kind->print(L, idx, f->dim, b);
}

void pgv_escape_tail(lua_State *L, pgv_buf *b, size_t start,
                     char (*escape)(char c)) {
  size_t i, extra = 0;
  char *from, *to;
  for (i = start; i < b->n; i++) extra += escape(b->p[i]) != 0;
  if (extra == 0) return;
  to = pgv_buf_room(L, b, extra) + extra;
  from = b->p + b->n;
  b->n += extra;
  while (to > from) { /* from the end, until nothing is left to move */
    char second = escape(*--from);
    if (second) {
      *--to = second;
      *--to = '\\';
    } else {
      *--to = *from;
    }
  }
}
