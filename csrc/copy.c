/*
** COPY: a buffer of rows for COPY FROM, and the conversation of both
** directions. The buffer holds whole rows only: what a refused row has left
** behind is cut off before the next one is written.
*/
#include <string.h>

#include "codec.h"

#define BATCH 65536 /* rows() stops when it has collected this much */

static const char signature[11] = "PGCOPY\n\377\r\n"; /* with its zero byte */

typedef struct copy_buffer {
  pgv_buf b;
  size_t whole; /* bytes of whole rows (and header, trailer) */
  const pgv_shape *shape;
  lua_Integer rows; /* written since the buffer was made */
  int text;
} copy_buffer;

/* the protected call's arguments */
typedef struct job {
  copy_buffer *c;
  pgv_place at;
  lua_Integer first; /* of the sequence; afterwards: the next one */
} job;

/* core.copy_buffer(encoder, "binary" | "text") */
static int copy_new(lua_State *L) {
  static const char *const formats[] = {"binary", "text", NULL};
  const pgv_shape *s = pgv_check_encoder(L, 1);
  int text = luaL_checkoption(L, 2, "binary", formats);
  int i;
  copy_buffer *c;
  for (i = 0; i < s->n && !text; i++)
    if (!pgv_field_has_binary(&s->f[i]))
      pgv_argerror(L, "column %d has no binary form: use the text format",
                   i + 1);
  c = (copy_buffer *)lua_newuserdatauv(L, sizeof *c, 1);
  memset(c, 0, sizeof *c);
  c->shape = s;
  c->text = text;
  luaL_setmetatable(L, PGV_COPY);
  lua_getiuservalue(L, 1, 1); /* it keeps the encoder alive */
  lua_setiuservalue(L, -2, 1);
  return 1;
}

static copy_buffer *check_buffer(lua_State *L, int idx) {
  return (copy_buffer *)luaL_checkudata(L, idx, PGV_COPY);
}

static int copy_gc(lua_State *L) {
  copy_buffer *c = check_buffer(L, 1);
  pgv_buf_free(&c->b);
  c->whole = 0;
  return 0;
}

static int copy_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_buffer(L, 1)->whole);
  return 1;
}

/* what is collected, as a string */
static int copy_tostring(lua_State *L) {
  copy_buffer *c = check_buffer(L, 1);
  lua_pushlstring(L, c->whole > 0 ? c->b.p : "", c->whole);
  return 1;
}

/* ---- rows ---- */

static char copy_escape(char c) {
  switch (c) {
  case '\b': return 'b';
  case '\f': return 'f';
  case '\n': return 'n';
  case '\r': return 'r';
  case '\t': return 't';
  case '\v': return 'v';
  case '\\': return '\\';
  default: return 0;
  }
}

/* [-0, +0, e] the value at idx, which may be NULL, as field i */
static void put_text(lua_State *L, copy_buffer *c, int idx, int i) {
  size_t start;
  if (i > 0) pgv_buf_add(L, &c->b, "\t", 1);
  if (pgv_isnull(L, idx)) {
    pgv_buf_add(L, &c->b, "\\N", 2);
    return;
  }
  start = c->b.n;
  pgv_field_print(L, idx, &c->shape->f[i], &c->b);
  pgv_escape_tail(L, &c->b, start, copy_escape);
}

static void put_binary(lua_State *L, copy_buffer *c, int idx, int i) {
  size_t start = c->b.n, n;
  pgv_put32(pgv_buf_room(L, &c->b, 4), 0xffffffffu);
  c->b.n += 4;
  if (pgv_isnull(L, idx)) return;
  pgv_field_send(L, idx, &c->shape->f[i], &c->b);
  n = c->b.n - start - 4;
  if (n > 0x7fffffff) pgv_dataerror(L, "54000", "value is too long");
  pgv_put32(c->b.p + start, (uint32_t)n);
}

/* [-0, +0, e] before and after the fields of a row */
static void row_begin(lua_State *L, job *j, int n) {
  copy_buffer *c = j->c;
  c->b.n = c->whole; /* without what a refused row left */
  j->at.row = c->rows + 1;
  j->at.i = 0;
  if (n != c->shape->n)
    pgv_argerror(L, "expected %d values, got %d", c->shape->n, n);
  if (c->text) return;
  pgv_put16(pgv_buf_room(L, &c->b, 2), (uint16_t)n);
  c->b.n += 2;
}

static void row_end(lua_State *L, copy_buffer *c) {
  if (c->text) pgv_buf_add(L, &c->b, "\n", 1);
  c->whole = c->b.n;
  c->rows++;
}

/* [-1, +0, e] the value on the top as field i; anchor as in pgv_shape */
static void put_value(lua_State *L, job *j, int anchor, int i) {
  j->at.i = i + 1;
  pgv_convert(L, j->c->shape, anchor, i);
  (j->c->text ? put_text : put_binary)(L, j->c, lua_gettop(L), i);
  lua_pop(L, 1);
}

enum { JOB = 1, ANCHOR, REST }; /* the stack of protected calls */

/* [protected] the values follow the anchor on the stack */
static int put_row(lua_State *L) {
  job *j = (job *)lua_touserdata(L, JOB);
  int i, n = lua_gettop(L) - ANCHOR;
  row_begin(L, j, n);
  luaL_checkstack(L, 20, "too many columns");
  for (i = 0; i < n; i++) {
    lua_pushvalue(L, REST + i);
    put_value(L, j, ANCHOR, i);
  }
  row_end(L, j->c);
  return 0;
}

/* [-0, +0, e] the row that is the table at idx: as many values as t.n, or
** as #t, says */
static void put_table(lua_State *L, job *j, int idx) {
  int i, n;
  j->at.row = j->c->rows + 1;
  j->at.i = 0;
  if (!lua_istable(L, idx))
    pgv_argerror(L, "expected a row, got %s", luaL_typename(L, idx));
  n = pgv_table_size(L, idx);
  row_begin(L, j, n);
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, idx, i + 1);
    put_value(L, j, ANCHOR, i);
  }
  row_end(L, j->c);
}

/* [protected] one row */
static int put_row_table(lua_State *L) {
  put_table(L, (job *)lua_touserdata(L, JOB), REST);
  return 0;
}

/* [protected] the rows of a sequence from j->first, until a batch is full */
static int put_rows(lua_State *L) {
  job *j = (job *)lua_touserdata(L, JOB);
  lua_Integer n = (lua_Integer)lua_rawlen(L, REST);
  for (; j->first <= n && j->c->whole < BATCH; j->first++) {
    lua_rawgeti(L, REST, (int)j->first);
    put_table(L, j, REST + 1);
    lua_settop(L, REST);
  }
  return 0;
}

/* [-n, +0, e] runs body with the n values on the top */
static void run(lua_State *L, job *j, lua_CFunction body, int n) {
  int at = lua_gettop(L) - n + 1;
  j->at.shape = j->c->shape;
  j->at.noun = "column";
  lua_pushcfunction(L, body);
  lua_insert(L, at);
  lua_pushlightuserdata(L, j);
  lua_insert(L, at + 1);
  lua_getiuservalue(L, 1, 1);
  lua_insert(L, at + 2);
  if (lua_pcall(L, n + 2, 0, 0) != LUA_OK) pgv_raise_at(L, &j->at);
}

/* buffer:row(v1, v2, …) → bytes in the buffer */
static int copy_row(lua_State *L) {
  job j;
  memset(&j, 0, sizeof j);
  j.c = check_buffer(L, 1);
  luaL_checkstack(L, 5, "too many columns");
  run(L, &j, put_row, lua_gettop(L) - 1);
  return copy_len(L);
}

/* buffer:row_table(t) → bytes in the buffer */
static int copy_row_table(lua_State *L) {
  job j;
  memset(&j, 0, sizeof j);
  j.c = check_buffer(L, 1);
  lua_settop(L, 2);
  run(L, &j, put_row_table, 1);
  return copy_len(L);
}

/* buffer:rows(sequence [, first]) → the index of the first row not taken */
static int copy_rows(lua_State *L) {
  job j;
  memset(&j, 0, sizeof j);
  j.c = check_buffer(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  j.first = luaL_optinteger(L, 3, 1);
  lua_settop(L, 2);
  run(L, &j, put_rows, 1);
  lua_pushinteger(L, j.first);
  return 1;
}

/* ---- the ends of the binary format; the text format has none ---- */

static int copy_header(lua_State *L) {
  copy_buffer *c = check_buffer(L, 1);
  char head[19];
  if (c->text) return 0;
  memset(head, 0, sizeof head); /* no flags, no extension */
  memcpy(head, signature, sizeof signature);
  c->b.n = c->whole;
  pgv_buf_add(L, &c->b, head, sizeof head);
  c->whole = c->b.n;
  return 0;
}

static int copy_trailer(lua_State *L) {
  copy_buffer *c = check_buffer(L, 1);
  if (c->text) return 0;
  c->b.n = c->whole;
  pgv_buf_add(L, &c->b, "\377\377", 2);
  c->whole = c->b.n;
  return 0;
}

static const luaL_Reg copy_methods[] = {
    {"row", copy_row},       {"row_table", copy_row_table}, {"rows", copy_rows},
    {"header", copy_header}, {"trailer", copy_trailer},     {NULL, NULL},
};

static const luaL_Reg copy_meta[] = {
    {"__gc", copy_gc},   {"__close", copy_gc},
    {"__len", copy_len}, {"__tostring", copy_tostring},
    {NULL, NULL},
};

/* ---- the conversation ---- */

/* conn:put_copy(buffer) → true: taken, the buffer is empty; false: libpq has
** too much unsent, wait for "rw" */
static int conn_put_copy(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  copy_buffer *buffer = check_buffer(L, 2);
  int status = 1;
  if (buffer->whole > 0x7fffffff) pgv_argerror(L, "COPY buffer is too long");
  if (buffer->whole > 0)
    status = PQputCopyData(c->pg, buffer->b.p, (int)buffer->whole);
  if (status < 0) return pgv_conn_fail(L, c);
  if (status > 0) buffer->whole = buffer->b.n = 0;
  c->events = "rw";
  lua_pushboolean(L, status);
  return 1;
}

/* conn:put_copy_end([message]): with a message the server refuses the rows */
static int conn_put_copy_end(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  const char *message = lua_isnoneornil(L, 2) ? NULL : pgv_check_cstring(L, 2);
  int status = PQputCopyEnd(c->pg, message);
  if (status < 0) return pgv_conn_fail(L, c);
  c->events = "rw";
  lua_pushboolean(L, status);
  return 1;
}

/* conn:get_copy() → a piece, false: wait for "r" and consume, nil: the end */
static int conn_get_copy(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  char *data = NULL;
  int n = PQgetCopyData(c->pg, &data, 1);
  if (n == -2) return pgv_conn_fail(L, c);
  if (n == -1) {
    lua_pushnil(L);
  } else if (n == 0) {
    lua_pushboolean(L, 0);
  } else {
    c->held = data;
    lua_pushlstring(L, data, (size_t)n);
    c->held = NULL;
    PQfreemem(data);
  }
  return 1;
}

const luaL_Reg pgv_copy_methods[] = {
    {"put_copy", conn_put_copy},
    {"put_copy_end", conn_put_copy_end},
    {"get_copy", conn_get_copy},
    {NULL, NULL},
};

void pgv_open_copy(lua_State *L) {
  luaL_newmetatable(L, PGV_COPY);
  luaL_setfuncs(L, copy_meta, 0);
  luaL_newlib(L, copy_methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushcfunction(L, copy_new);
  lua_setfield(L, -2, "copy_buffer");
}
