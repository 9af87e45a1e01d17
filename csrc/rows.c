/*
** Rows of results and of COPY TO: tables built wholly in C.
*/
#include "pq.h"

void pgv_rows_begin(lua_State *L, const pgv_rows *rows) {
  const pgv_shape *s = rows->at.shape;
  int i;
  luaL_checkstack(L, s->n + 20, "too many columns");
  for (i = 0; i < s->n; i++) lua_rawgeti(L, PGV_ROWS_ANCHOR, i + 1);
  lua_getfield(L, PGV_ROWS_ANCHOR, "row"); /* metatable, or nil */
}

int pgv_push_cell(lua_State *L, pgv_rows *rows, int row, int col) {
  const pgv_field *f = &rows->at.shape->f[col];
  const char *p = NULL;
  int format = 0, n = rows->cell(rows->from, row, col, &p, &format);
  if (n < 0 && !f->sees_null) return 0;
  rows->at.row = row + 1;
  rows->at.i = col + 1;
  if (n < 0)
    lua_pushlightuserdata(L, NULL);
  else
    pgv_field_read(L, p, (size_t)n, format, f);
  if (f->convert) {
    pgv_convert(L, rows->at.shape, PGV_ROWS_ANCHOR, col);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      return 0;
    }
  }
  return 1;
}

void pgv_push_row(lua_State *L, pgv_rows *rows, int row) {
  const pgv_shape *s = rows->at.shape;
  const int names = PGV_ROWS_OUT + 1, whole = !rows->mapping;
  int i;
  lua_createtable(L, whole ? s->n : 0, s->named);
  for (i = 0; i < s->n; i++) {
    if (pgv_push_cell(L, rows, row, i)) {
      if (!s->f[i].unnamed) {
        lua_pushvalue(L, names + i);
        lua_pushvalue(L, -2);
        lua_rawset(L, -4);
      }
    } else {
      if (!whole) continue;
      lua_pushlightuserdata(L, NULL);
    }
    if (whole)
      lua_rawseti(L, -2, i + 1);
    else
      lua_pop(L, 1);
  }
  if (s->named < s->n && !lua_isnil(L, names + s->n)) {
    lua_pushvalue(L, names + s->n);
    lua_setmetatable(L, -2);
  }
}
