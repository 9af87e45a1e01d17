/*
** Arrays on their way to the server: nested sequences of one shape.
*/
#include <string.h>

#include "codec.h"
#include "value.h"

#define MAX_DIMS 6 /* PostgreSQL's MAXDIM */

typedef struct array {
  const pgv_field *f;
  pgv_field elem; /* the same for one element */
  int ndim;
  int size[MAX_DIMS];
  int nulls; /* any? */
  pgv_buf *b;
} array;

/*
** [-0, +0, -] is the value at idx an array's inner level, or an element?
** Where an element may be a table itself, it is one unless its first item
** is what an array of such elements has: a table, a string, a value, NULL.
*/
static int is_level(lua_State *L, const pgv_kind *k, int idx) {
  int t;
  if (!lua_istable(L, idx)) return 0;
  if (!(k->flags & PGV_FROM_TABLE)) return 1;
  lua_rawgeti(L, idx, 1);
  t = lua_type(L, -1);
  lua_pop(L, 1);
  return t != LUA_TNIL && t != LUA_TNUMBER && t != LUA_TBOOLEAN;
}

/* [-0, +0, e] refuses keys that would be lost; `n` may tell the length */
static void check_keys(lua_State *L, int idx) {
  lua_pushliteral(L, "n");
  lua_rawget(L, idx);
  if (lua_isnil(L, -1)) pgv_sequence(L, idx, "a value or null");
  lua_pop(L, 1);
}

/* [-0, +0, e] the dimensions, along the first items */
static void measure(lua_State *L, array *a, int idx) {
  int top = lua_gettop(L);
  lua_pushvalue(L, idx);
  a->ndim = 0;
  do {
    int n;
    if (a->ndim == MAX_DIMS)
      pgv_dataerror(L, "54000", "an array has at most %d dimensions", MAX_DIMS);
    n = pgv_table_size(L, lua_gettop(L));
    a->size[a->ndim++] = n;
    if (n == 0) { /* an empty array has no dimensions */
      if (a->ndim > 1) pgv_dataerror(L, "22P02", "empty array inside an array");
      a->ndim = 0;
      break;
    }
    lua_rawgeti(L, -1, 1);
  } while (is_level(L, a->f->kind, lua_gettop(L)));
  lua_settop(L, top);
}

static void send_element(lua_State *L, array *a, int idx) {
  size_t start = a->b->n;
  pgv_put32(pgv_buf_room(L, a->b, 4), 0xffffffffu);
  a->b->n += 4;
  if (pgv_isnull(L, idx)) {
    a->nulls = 1;
    return;
  }
  pgv_field_send(L, idx, &a->elem, a->b);
  pgv_put32(a->b->p + start, (uint32_t)(a->b->n - start - 4));
}

static char quote(char c) {
  if (c == '"' || c == '\\') return c;
  return 0;
}

static void print_element(lua_State *L, array *a, int idx) {
  size_t start;
  if (pgv_isnull(L, idx)) {
    pgv_buf_add(L, a->b, "NULL", 4);
    return;
  }
  pgv_buf_add(L, a->b, "\"", 1);
  start = a->b->n;
  pgv_field_print(L, idx, &a->elem, a->b);
  pgv_escape_tail(L, a->b, start, quote);
  pgv_buf_add(L, a->b, "\"", 1);
}

/* [-0, +0, e] walks a level; in text it stands in braces */
static void walk(lua_State *L, array *a, int idx, int depth, int text) {
  int i, leaf = depth == a->ndim - 1, top = lua_gettop(L) + 1;
  if (text) pgv_buf_add(L, a->b, "{", 1);
  for (i = 1; i <= a->size[depth]; i++) {
    if (text && i > 1) pgv_buf_add(L, a->b, ",", 1);
    lua_rawgeti(L, idx, i);
    if (lua_isnil(L, top))
      pgv_dataerror(L, "22004",
                    "element %d: expected a value or null, "
                    "got nil",
                    i);
    if (is_level(L, a->f->kind, top) == leaf ||
        (!leaf && pgv_table_size(L, top) != a->size[depth + 1]))
      pgv_dataerror(L, "22P02",
                    "element %d: the levels of an array must "
                    "have the same length",
                    i);
    if (!leaf)
      walk(L, a, top, depth + 1, text);
    else if (text)
      print_element(L, a, top);
    else
      send_element(L, a, top);
    lua_settop(L, top - 1);
  }
  if (text) pgv_buf_add(L, a->b, "}", 1);
}

/* [-0, +0, e] */
static void array_init(lua_State *L, array *a, int idx, const pgv_field *f,
                       pgv_buf *b) {
  if (!lua_istable(L, idx))
    pgv_dataerror(L, "22P02", "expected a sequence for %s[], got %s",
                  f->kind->name, pgv_describe(L, idx));
  luaL_checkstack(L, 4 * MAX_DIMS + 20, "array");
  a->f = f;
  a->elem = *f;
  a->elem.array = 0;
  a->b = b;
  a->nulls = 0;
  check_keys(L, idx);
  measure(L, a, idx);
}

void pgv_array_send(lua_State *L, int idx, const pgv_field *f, pgv_buf *b) {
  array a;
  size_t head = b->n, i;
  array_init(L, &a, idx, f, b);
  pgv_check_extension(L, f->kind, f->elem_oid);
  pgv_buf_room(L, b, 12 + 8 * MAX_DIMS);
  b->n += 12 + 8 * (size_t)a.ndim;
  for (i = 0; i < (size_t)a.ndim; i++) {
    pgv_put32(b->p + head + 12 + 8 * i, (uint32_t)a.size[i]);
    pgv_put32(b->p + head + 16 + 8 * i, 1); /* the first index */
  }
  if (a.ndim > 0) walk(L, &a, idx, 0, 0);
  pgv_put32(b->p + head, (uint32_t)a.ndim);
  pgv_put32(b->p + head + 4, (uint32_t)a.nulls);
  pgv_put32(b->p + head + 8, f->elem_oid);
}

void pgv_array_print(lua_State *L, int idx, const pgv_field *f, pgv_buf *b) {
  array a;
  if (lua_type(L, idx) == LUA_TSTRING) { /* a literal: '{1,2}' */
    pgv_text_send(L, idx, 0, b);
    return;
  }
  array_init(L, &a, idx, f, b);
  if (a.ndim > 0)
    walk(L, &a, idx, 0, 1);
  else
    pgv_buf_add(L, b, "{}", 2);
}
