/*
** Memory whose owner is the collector. The box exists, empty, before
** anything is put into it, so an error at any point loses nothing.
*/
#include <stdlib.h>
#include <string.h>

#include "pgv.h"

#define PGV_BUF "pgvector.buffer"

static int buf_gc(lua_State *L) {
  pgv_buf_free((pgv_buf *)lua_touserdata(L, 1));
  return 0;
}

pgv_buf *pgv_buf_new(lua_State *L) {
  pgv_buf *b = (pgv_buf *)lua_newuserdatauv(L, sizeof *b, 0);
  b->p = NULL;
  b->n = b->cap = 0;
  if (luaL_newmetatable(L, PGV_BUF)) {
    lua_pushcfunction(L, buf_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return b;
}

char *pgv_buf_room(lua_State *L, pgv_buf *b, size_t more) {
  if (b->cap - b->n < more) {
    size_t cap = b->cap < 512 ? 512 : b->cap;
    char *p;
    if (more > (size_t)-1 / 4 - b->n) luaL_error(L, "not enough memory");
    while (cap - b->n < more) cap *= 2;
    p = (char *)realloc(b->p, cap);
    if (p == NULL) luaL_error(L, "not enough memory");
    b->p = p;
    b->cap = cap;
  }
  return b->p + b->n;
}

void pgv_buf_add(lua_State *L, pgv_buf *b, const void *src, size_t n) {
  if (n == 0) return; /* there may be no memory yet */
  memcpy(pgv_buf_room(L, b, n), src, n);
  b->n += n;
}

void pgv_buf_free(pgv_buf *b) {
  free(b->p);
  b->p = NULL;
  b->n = b->cap = 0;
}
