/*
** Parameters: one call encodes the values of a statement and hands them to
** libpq. Nothing has been sent if a value is refused.
*/
#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define BOOLOID 16

/* what PQsendQueryParams takes */
typedef struct params {
  const char **value;
  size_t *offset; /* of a value in buf, or NOWHERE */
  Oid *type;
  int *length, *format;
  pgv_buf *buf;
} params;

#define NOWHERE ((size_t)-1)

/* the arrays of a statement with few parameters stand on the C stack */
#define FEW 16

typedef struct small_arrays {
  const char *value[FEW];
  size_t offset[FEW];
  Oid type[FEW];
  int length[FEW], format[FEW];
} small_arrays;

/* the protected call's arguments */
typedef struct job {
  params p;
  pgv_place at;
  int named; /* the server knows the types from a prepared statement */
  pgv_buf buf;
  small_arrays few;
} job;

enum { JOB = 1, ANCHOR, VALUES, ITEM }; /* its stack */

/* [-0, +0|1, m] the arrays, in a userdata if there are many */
static void params_new(lua_State *L, job *j, int n) {
  params *p = &j->p;
  size_t count = (size_t)n;
  if (n <= FEW) {
    p->value = j->few.value;
    p->offset = j->few.offset;
    p->type = j->few.type;
    p->length = j->few.length;
    p->format = j->few.format;
  } else {
    p->value = (const char **)lua_newuserdatauv(
        L,
        count *
            (sizeof(char *) + sizeof(size_t) + sizeof(Oid) + 2 * sizeof(int)),
        0);
    p->offset = (size_t *)(void *)(p->value + count);
    p->type = (Oid *)(p->offset + count);
    p->length = (int *)(p->type + count);
    p->format = p->length + count;
  }
  p->buf = &j->buf;
}

/*
** The values are encoded in the connection's scratch buffer. It is taken out
** meanwhile, because a convert function may run a statement of its own.
*/
static void take_scratch(pgv_conn *c, job *j) {
  j->buf = c->scratch;
  j->buf.n = 0;
  memset(&c->scratch, 0, sizeof c->scratch);
}

/* what became large is not kept */
static void give_scratch(pgv_conn *c, job *j) {
  if (j->p.buf == NULL) return;
  if (c->scratch.p != NULL || j->buf.cap > PGV_SCRATCH_MAX)
    pgv_buf_free(&j->buf);
  else
    c->scratch = j->buf;
}

/* [-0, +0, e] a string that the table of values keeps alive is not copied */
static void take_string(lua_State *L, params *p, int i) {
  size_t n;
  const char *s = lua_tolstring(L, ITEM, &n);
  if (memchr(s, '\0', n) != NULL)
    pgv_dataerror(L, "22021", "embedded zero byte");
  p->value[i] = s;
}

/* [-0, +0, e] the type that the server is told for a value of kind unknown;
** a prepared statement has its types, and text suits them all */
static void type_by_value(lua_State *L, job *j, const pgv_shape *s, int i) {
  const char *name;
  if (j->named) return;
  if (lua_type(L, ITEM) == LUA_TBOOLEAN) j->p.type[i] = BOOLOID;
  name = pgv_value_type(L, ITEM);
  if (name != NULL) {
    const pgv_kind *k = pgv_kind_find(name, strlen(name));
    Oid oid = strcmp(name, "vector") == 0      ? s->extension_oid[0]
              : strcmp(name, "halfvec") == 0   ? s->extension_oid[1]
              : strcmp(name, "sparsevec") == 0 ? s->extension_oid[2]
                                               : k->oid;
    pgv_check_extension(L, k, oid);
    j->p.type[i] = oid;
    j->p.format[i] = 1;
    k->send(L, ITEM, 0, j->p.buf);
  }
}

/* [-0, +0, e] the value at ITEM, neither nil nor null */
static void encode_param(lua_State *L, job *j, const pgv_shape *s, int i) {
  params *p = &j->p;
  const pgv_field *f = &s->f[i];
  int is_string = lua_type(L, ITEM) == LUA_TSTRING;
  size_t start = p->buf->n;
  p->format[i] = !f->text_only && f->kind->flags & (f->array ? PGV_ARRAY_BINARY
                                                             : PGV_SEND_BINARY);
  if (f->array && is_string) p->format[i] = 0; /* a literal: '{1,2}' */
  if (!f->array) pgv_check_extension(L, f->kind, f->oid);
  if (f->kind->send == NULL && f->oid == 0 && !f->array)
    type_by_value(L, j, s, i);
  if (p->buf->n > start) {
    /* done: a value that knows its type */
  } else if (p->format[i]) {
    pgv_field_send(L, ITEM, f, p->buf);
  } else if (is_string && s->converts == 0) {
    take_string(L, p, i);
    return;
  } else {
    pgv_field_print(L, ITEM, f, p->buf);
    pgv_buf_add(L, p->buf, "", 1);
  }
  p->offset[i] = start;
  if (p->buf->n - start > 0x7fffffff)
    pgv_dataerror(L, "54000", "value is too long");
  p->length[i] = (int)(p->buf->n - start);
}

/* [protected] fills the arrays from the values */
static int encode_params(lua_State *L) {
  job *j = (job *)lua_touserdata(L, JOB);
  const pgv_shape *s = j->at.shape;
  int i;
  pgv_buf_room(L, j->p.buf, 1); /* an empty value is not a NULL pointer */
  for (i = 0; i < s->n; i++) {
    j->at.i = i + 1;
    j->p.value[i] = NULL;
    j->p.offset[i] = NOWHERE;
    j->p.type[i] = s->f[i].oid;
    j->p.length[i] = j->p.format[i] = 0;
    lua_rawgeti(L, VALUES, i + 1);
    pgv_convert(L, s, ANCHOR, i);
    if (!pgv_isnull(L, ITEM)) encode_param(L, j, s, i);
    lua_settop(L, VALUES);
  }
  for (i = 0; i < s->n; i++) /* the buffer does not move any more */
    if (j->p.offset[i] != NOWHERE) j->p.value[i] = j->p.buf->p + j->p.offset[i];
  return 0;
}

/* [-0, +?, e] encodes the values at idx as the encoder before them says; the
** arrays live as long as what is pushed */
static int prepare_params(lua_State *L, pgv_conn *c, job *j, int encoder,
                          int named) {
  int values = encoder + 1;
  lua_Number n = luaL_optnumber(L, encoder + 2, 0);
  const pgv_shape *s;
  memset(&j->p, 0, sizeof j->p);
  memset(&j->at, 0, sizeof j->at);
  if (!(n >= 0 && n <= 65535))
    pgv_argerror(L, "number of parameters must be between 0 and 65535");
  if (lua_isnil(L, encoder)) {
    if (n > 0) pgv_argerror(L, "expected 0 parameters, got %d", (int)n);
    return 0;
  }
  s = pgv_check_encoder(L, encoder);
  if (s->n != (int)n)
    pgv_argerror(L, "expected %d parameters, got %d", s->n, (int)n);
  luaL_checktype(L, values, LUA_TTABLE);
  params_new(L, j, s->n);
  j->at.shape = s;
  j->at.noun = "parameter";
  j->named = named;
  lua_pushcfunction(L, encode_params);
  lua_pushlightuserdata(L, j);
  lua_getiuservalue(L, encoder, 1);
  lua_pushvalue(L, values);
  take_scratch(c, j); /* nothing raises from here to the protected call */
  if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
    give_scratch(c, j);
    pgv_raise_at(L, &j->at);
  }
  return s->n;
}

/* [-0, +1|2, m] libpq has copied everything: the buffer is not needed */
static int sent(lua_State *L, pgv_conn *c, job *j, int ok) {
  give_scratch(c, j);
  if (ok) c->events = "rw";
  return pgv_conn_ok(L, c, ok);
}

/* conn:send_params(sql, encoder, values, n, result_format) */
static int conn_send_params(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  const char *sql = pgv_check_cstring(L, 2);
  int format = (int)luaL_optinteger(L, 6, 0), n;
  job j;
  lua_settop(L, 6);
  n = prepare_params(L, c, &j, 3, 0);
  return sent(L, c, &j,
              PQsendQueryParams(c->pg, sql, n, j.p.type, j.p.value, j.p.length,
                                j.p.format, format));
}

/* conn:send_query_prepared(name, encoder, values, n, result_format) */
static int conn_send_query_prepared(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  const char *name = pgv_check_cstring(L, 2);
  int format = (int)luaL_optinteger(L, 6, 0), n;
  job j;
  lua_settop(L, 6);
  n = prepare_params(L, c, &j, 3, 1);
  return sent(L, c, &j,
              PQsendQueryPrepared(c->pg, name, n, j.p.value, j.p.length,
                                  j.p.format, format));
}

/* conn:send_prepare(name, sql, encoder | nil) */
static int conn_send_prepare(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  const char *name = pgv_check_cstring(L, 2);
  const char *sql = pgv_check_cstring(L, 3);
  const pgv_shape *s = NULL;
  Oid *types = NULL;
  int i, n = 0;
  if (!lua_isnoneornil(L, 4)) {
    s = pgv_check_encoder(L, 4);
    n = s->n;
    types = (Oid *)lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *types, 0);
    for (i = 0; i < n; i++) types[i] = s->f[i].oid;
  }
  return pgv_conn_ok(L, c, PQsendPrepare(c->pg, name, sql, n, types));
}

const luaL_Reg pgv_params_methods[] = {
    {"send_params", conn_send_params},
    {"send_query_prepared", conn_send_query_prepared},
    {"send_prepare", conn_send_prepare},
    {NULL, NULL},
};
