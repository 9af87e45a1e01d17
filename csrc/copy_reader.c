/*
** What COPY TO sends, as rows. The pieces may be cut anywhere: an incomplete
** row waits for the rest.
*/
#include <string.h>

#include "codec.h"

#define READER "pgvector.copyreader"

typedef struct cell {
  const char *p;
  int n; /* -1: NULL */
} cell;

typedef struct reader {
  pgv_buf rest;  /* what is not a whole row yet */
  pgv_buf plain; /* the row under way without escapes */
  const pgv_shape *shape;
  int rows;
  char text, begun, ended, busy;
  cell cells[];
} reader;

/* the protected call's arguments */
typedef struct job {
  pgv_rows rows;
  reader *r;
  const char *p, *end;
} job;

static int get_cell(const void *from, int row, int col, const char **p,
                    int *format) {
  const reader *r = (const reader *)from;
  (void)row;
  *p = r->cells[col].p;
  *format = !r->text;
  return r->cells[col].n;
}

PGV_NORETURN static void malformed(lua_State *L) {
  pgv_dataerror(L, "22P04", "malformed COPY data");
}

/* ---- binary: each of these says whether there was a whole one ---- */

/* [-0, +0, e] signature, flags, extension */
static int take_header(lua_State *L, job *j) {
  static const char signature[11] = "PGCOPY\n\377\r\n";
  size_t have = (size_t)(j->end - j->p), extension;
  if (have < 19) return 0;
  if (memcmp(j->p, signature, sizeof signature) != 0) malformed(L);
  if (pgv_get32(j->p + 11) & 0xffff0000u) malformed(L); /* critical flags */
  extension = pgv_get32(j->p + 15);
  if (have - 19 < extension) return 0;
  j->p += 19 + extension;
  return 1;
}

/* [-0, +0, e] finds the values of a row */
static int take_tuple(lua_State *L, job *j) {
  const char *p = j->p;
  int i, n;
  if (j->end - p < 2) return 0;
  n = (int16_t)pgv_get16(p);
  p += 2;
  if (n == -1) { /* the trailer */
    j->r->ended = 1;
    j->p = p;
    return 0;
  }
  if (n != j->r->shape->n)
    pgv_dataerror(L, "22P04", "expected %d columns, got %d", j->r->shape->n, n);
  for (i = 0; i < n; i++) {
    int32_t length;
    if (j->end - p < 4) return 0;
    length = (int32_t)pgv_get32(p);
    p += 4;
    if (length < -1) malformed(L);
    if (length > j->end - p) return 0;
    j->r->cells[i].p = p;
    j->r->cells[i].n = length;
    if (length > 0) p += length;
  }
  j->p = p;
  return 1;
}

/* ---- text ---- */

static char unescape(char c) {
  switch (c) {
  case 'b': return '\b';
  case 'f': return '\f';
  case 'n': return '\n';
  case 'r': return '\r';
  case 't': return '\t';
  case 'v': return '\v';
  default: return c;
  }
}

/* [-0, +0, -] copies up to a tab or the end without escapes; NULL: malformed */
static char *copy_plain(const char **p, const char *end, char *out) {
  for (; *p < end && **p != '\t'; ++*p) {
    char c = **p;
    if (c == '\\') {
      if (++*p == end) return NULL;
      c = unescape(**p);
    }
    *out++ = c;
  }
  return out;
}

/* [-0, +0, e] finds the values of a line; no value has a line end in it */
static int take_line(lua_State *L, job *j) {
  reader *r = j->r;
  const char *p = j->p;
  const char *end = (const char *)memchr(p, '\n', (size_t)(j->end - p));
  char *out;
  int i;
  if (end == NULL) return 0;
  r->plain.n = 0;
  out = pgv_buf_room(L, &r->plain, (size_t)(end - p) + 1);
  for (i = 0;; i++, p++) {
    const char *start = out;
    int null = end - p >= 2 && p[0] == '\\' && p[1] == 'N';
    if (i == r->shape->n) malformed(L);
    out = copy_plain(&p, end, out);
    if (out == NULL) malformed(L);
    r->cells[i].p = start;
    r->cells[i].n = null ? -1 : (int)(out - start);
    if (p == end) break;
  }
  if (i + 1 != r->shape->n) malformed(L);
  j->p = end + 1;
  return 1;
}

/* ---- both ---- */

/* [protected, +1, e] a sequence of the rows that are complete */
static int build_rows(lua_State *L) {
  job *j = (job *)lua_touserdata(L, PGV_ROWS_JOB);
  reader *r = j->r;
  int n = 0;
  lua_newtable(L);
  pgv_rows_begin(L, &j->rows);
  if (!r->begun) r->begun = (char)take_header(L, j);
  while (r->begun && !r->ended &&
         (r->text ? take_line(L, j) : take_tuple(L, j))) {
    pgv_push_row(L, &j->rows, r->rows++);
    lua_rawseti(L, PGV_ROWS_OUT, ++n);
  }
  lua_settop(L, PGV_ROWS_OUT);
  return 1;
}

/* core.copy_reader(decoder, "binary" | "text") */
static int reader_new(lua_State *L) {
  static const char *const formats[] = {"binary", "text", NULL};
  const pgv_shape *s = pgv_check_decoder(L, 1);
  int text = luaL_checkoption(L, 2, "binary", formats);
  size_t size = sizeof(reader) + (size_t)s->n * sizeof(cell);
  reader *r = (reader *)lua_newuserdatauv(L, size, 1);
  memset(r, 0, size);
  r->shape = s;
  r->text = r->begun = (char)text; /* the text format has no header */
  luaL_setmetatable(L, READER);
  lua_getiuservalue(L, 1, 1); /* it keeps the decoder alive */
  lua_setiuservalue(L, -2, 1);
  return 1;
}

/* [-0, +0, m] keeps what was not a whole row; data: what came from outside */
static void keep_rest(lua_State *L, job *j, int outside) {
  size_t left = (size_t)(j->end - j->p);
  if (outside) {
    pgv_buf_add(L, &j->r->rest, j->p, left);
  } else {
    memmove(j->r->rest.p, j->p, left);
    j->r->rest.n = left;
  }
}

/* reader:feed(data) → sequence of rows, perhaps empty */
static int reader_feed(lua_State *L) {
  reader *r = (reader *)luaL_checkudata(L, 1, READER);
  size_t n;
  const char *data = luaL_checklstring(L, 2, &n);
  int outside = r->rest.n == 0, status;
  job j;
  memset(&j, 0, sizeof j);
  if (r->busy) /* by a convert function */
    pgv_raise(L, "InterfaceError", NULL, "COPY data is being read");
  if (!outside) {
    pgv_buf_add(L, &r->rest, data, n);
    data = r->rest.p;
    n = r->rest.n;
  }
  j.r = r;
  j.p = data;
  j.end = data + n;
  j.rows.at.shape = r->shape;
  j.rows.at.noun = "column";
  j.rows.from = r;
  j.rows.cell = get_cell;
  lua_pushcfunction(L, build_rows);
  lua_pushlightuserdata(L, &j);
  lua_getiuservalue(L, 1, 1);
  r->busy = 1;
  status = lua_pcall(L, 2, 1, 0);
  r->busy = 0;
  if (status != LUA_OK) {
    r->ended = 1; /* where the next row would start is not known */
    pgv_raise_at(L, &j.rows.at);
  }
  keep_rest(L, &j, outside);
  return 1;
}

static int reader_gc(lua_State *L) {
  reader *r = (reader *)luaL_checkudata(L, 1, READER);
  pgv_buf_free(&r->rest);
  pgv_buf_free(&r->plain);
  return 0;
}

void pgv_open_copy_reader(lua_State *L) {
  luaL_newmetatable(L, READER);
  lua_pushcfunction(L, reader_gc);
  lua_setfield(L, -2, "__gc");
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, reader_feed);
  lua_setfield(L, -2, "feed");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushcfunction(L, reader_new);
  lua_setfield(L, -2, "copy_reader");
}
