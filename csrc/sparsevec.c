/*
** The type sparsevec: the elements that are not zero, in ascending order of
** their indices.
*/
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "kernel.h"
#include "value.h"

#define NAME "sparsevec"

/* every input becomes a sequence of these in a buffer first */
typedef struct entry {
  int32_t i; /* from 0 */
  float x;
} entry;

pgv_sparsevec *pgv_sparsevec_new(lua_State *L, int32_t dim, int32_t nnz) {
  pgv_sparsevec *v = (pgv_sparsevec *)lua_newuserdatauv(
      L, sizeof *v + (size_t)nnz * (sizeof(int32_t) + sizeof(float)), 0);
  v->dim = dim;
  v->nnz = nnz;
  return v;
}

/*
** {======================================================================
** The server's checks
** =======================================================================
*/

static void check_dim(lua_State *L, int32_t dim) {
  if (dim < 1)
    pgv_dataerror(L, "22000", NAME " must have at least 1 dimension");
  if (dim > PGV_SPARSE_MAX_DIM)
    pgv_dataerror(L, "54000", NAME " cannot have more than %d dimensions",
                  PGV_SPARSE_MAX_DIM);
}

static void check_nnz(lua_State *L, int32_t nnz) {
  if (nnz < 0)
    pgv_dataerror(L, "22000", NAME " cannot have negative number of elements");
  if (nnz > PGV_SPARSE_MAX_NNZ)
    pgv_dataerror(L, "54000",
                  NAME " cannot have more than %d non-zero elements",
                  PGV_SPARSE_MAX_NNZ);
}

static void check_index(lua_State *L, const int32_t *index, int32_t k,
                        int32_t dim) {
  if (index[k] < 0 || index[k] >= dim)
    pgv_dataerror(L, "22000", NAME " index out of bounds");
  if (k > 0 && index[k] < index[k - 1])
    pgv_dataerror(L, "22000", NAME " indices must be in ascending order");
  if (k > 0 && index[k] == index[k - 1])
    pgv_dataerror(L, "22000", NAME " indices must not contain duplicates");
}

/* }====================================================================== */

/*
** {======================================================================
** Construction
** =======================================================================
*/

/* [-0, +0, e] adds an element, unless it is zero */
static void add(lua_State *L, pgv_buf *b, int32_t i, float x) {
  entry e;
  if (x == 0.0f) return;
  check_nnz(L, (int32_t)(b->n / sizeof e) + 1);
  e.i = i;
  e.x = x;
  pgv_buf_add(L, b, &e, sizeof e);
}

/* [-0, +0, e] adds a number of the user's */
static void add_number(lua_State *L, pgv_buf *b, int32_t i, double d) {
  float x = (float)d;
  if (isnan(d) || isinf(d)) pgv_not_finite_error(L, NAME, d);
  if (isinf(x) || (x == 0.0f && d != 0.0)) pgv_number_range_error(L, NAME, d);
  add(L, b, i, x);
}

static int by_index(const void *p, const void *q) {
  const entry *a = (const entry *)p, *b = (const entry *)q;
  return (a->i > b->i) - (a->i < b->i);
}

/* [-0, +1, e] pushes the value of what is in the buffer, and empties that */
static void build(lua_State *L, pgv_buf *b, int32_t dim) {
  int32_t k, nnz = (int32_t)(b->n / sizeof(entry));
  entry *e = (entry *)(void *)b->p;
  pgv_sparsevec *v;
  check_dim(L, dim);
  if (nnz > 0) qsort(e, (size_t)nnz, sizeof *e, by_index);
  v = pgv_sparsevec_new(L, dim, nnz);
  for (k = 0; k < nnz; k++) {
    v->i[k] = e[k].i;
    pgv_sparse_values(v)[k] = e[k].x;
    check_index(L, v->i, k, dim);
  }
  pgv_finish(L, &pgv_sparsevec_type);
  pgv_buf_free(b);
}

/* [-0, +0, e] reads elements and dimensions from the text */
static int32_t read_text(lua_State *L, pgv_buf *b, const char *s, size_t n) {
  const char *p = s, *end = s + n, *q;
  int32_t i, dim, most = 1;
  pgv_check_text(L, n);
  for (q = s; q < end; q++)
    if (*q == ',') check_nnz(L, ++most);
  p = pgv_skip_space(p, end);
  if (p == end || *p != '{')
    pgv_syntax_error(L, NAME, s, n, "Vector contents must start with \"{\".");
  p = pgv_skip_space(p + 1, end);
  if (p == end || *p != '}') {
    for (;; p++) {
      float x;
      pgv_range range;
      p = pgv_skip_space(p, end);
      q = pgv_scan_int(p, end, &i);
      if (q == p) pgv_syntax_error(L, NAME, s, n, NULL);
      p = pgv_skip_space(q, end);
      if (p == end || *p != ':') pgv_syntax_error(L, NAME, s, n, NULL);
      p = pgv_skip_space(p + 1, end);
      q = pgv_scan_float(p, end, &x, &range);
      if (q == p) pgv_syntax_error(L, NAME, s, n, NULL);
      if (range != PGV_IN_RANGE) pgv_range_error(L, NAME, p, (size_t)(q - p));
      if (isnan(x) || isinf(x)) pgv_not_finite_error(L, NAME, (double)x);
      add(L, b, i > 0 ? i - 1 : -1, x);
      p = pgv_skip_space(q, end);
      if (p < end && *p == '}') break;
      if (p == end || *p != ',') pgv_syntax_error(L, NAME, s, n, NULL);
    }
  }
  p = pgv_skip_space(p + 1, end);
  if (p == end || *p != '/')
    pgv_syntax_error(L, NAME, s, n, "Unexpected end of input.");
  p = pgv_skip_space(p + 1, end);
  q = pgv_scan_int(p, end, &dim);
  if (q == p) pgv_syntax_error(L, NAME, s, n, NULL);
  if (pgv_skip_space(q, end) != end)
    pgv_syntax_error(L, NAME, s, n, "Junk after closing.");
  return dim;
}

/* [-0, +0, e] reads the dense sequence at idx */
static int32_t read_sequence(lua_State *L, pgv_buf *b, int idx) {
  int32_t i, dim = pgv_sequence(L, idx, "number");
  for (i = 0; i < dim; i++) {
    lua_rawgeti(L, idx, i + 1);
    if (lua_type(L, -1) != LUA_TNUMBER)
      pgv_element_error(L, (lua_Integer)i + 1, "number");
    add_number(L, b, i, lua_tonumber(L, -1));
    lua_pop(L, 1);
  }
  return dim;
}

/* [-0, +0, e] reads the vector or halfvec at idx */
static int32_t read_dense(lua_State *L, pgv_buf *b, int idx) {
  const pgv_vector *v;
  int32_t i;
  pgv_vector_type.make(L, idx);
  v = (const pgv_vector *)lua_touserdata(L, -1);
  for (i = 0; i < v->dim; i++) add(L, b, i, v->x[i]);
  lua_pop(L, 1);
  return v->dim;
}

static void make(lua_State *L, int idx) {
  const pgv_type *t = pgv_typeof(L, idx);
  pgv_buf *b;
  int32_t dim;
  if (t == &pgv_sparsevec_type) {
    lua_pushvalue(L, idx); /* it cannot change: no need for another */
    return;
  }
  idx = lua_absindex(L, idx);
  b = pgv_buf_new(L);
  if (t == &pgv_vector_type || t == &pgv_halfvec_type) {
    dim = read_dense(L, b, idx);
  } else if (lua_type(L, idx) == LUA_TTABLE) {
    dim = read_sequence(L, b, idx);
  } else if (lua_type(L, idx) == LUA_TSTRING) {
    size_t n;
    const char *s = lua_tolstring(L, idx, &n);
    dim = read_text(L, b, s, n);
  } else {
    pgv_type_error(L, idx, NAME, "table, string or vector");
  }
  build(L, b, dim);
  lua_remove(L, -2);
}

/* sparsevec(x), sparsevec({[index] = number}, dim) */
static int construct(lua_State *L) {
  pgv_buf *b;
  int32_t dim;
  if (lua_isnoneornil(L, 3)) {
    lua_settop(L, 2);
    make(L, 2);
    return 1;
  }
  if (lua_type(L, 2) != LUA_TTABLE)
    pgv_type_error(L, 2, NAME, "table of elements");
  dim = pgv_check_int(L, 3, NAME " dimensions");
  check_dim(L, dim);
  lua_settop(L, 2);
  b = pgv_buf_new(L);
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    int32_t i = pgv_check_int(L, -2, NAME " index");
    if (i < 1 || i > dim)
      pgv_dataerror(L, "22000", NAME " index out of bounds");
    if (lua_type(L, -1) != LUA_TNUMBER) pgv_element_error(L, i, "number");
    add_number(L, b, i - 1, lua_tonumber(L, -1));
    lua_pop(L, 1);
  }
  build(L, b, dim);
  return 1;
}

/* }====================================================================== */

/*
** {======================================================================
** Text and binary
** =======================================================================
*/

void pgv_sparsevec_parse(lua_State *L, const char *s, size_t n) {
  pgv_buf *b = pgv_buf_new(L);
  build(L, b, read_text(L, b, s, n));
  lua_remove(L, -2);
}

static size_t text_size(const void *v) {
  size_t nnz = (size_t)((const pgv_sparsevec *)v)->nnz;
  return nnz * (PGV_INT_TEXT + 1 + PGV_FLOAT_TEXT + 1) + 3 + PGV_INT_TEXT;
}

static size_t text(const void *p, char *out) {
  const pgv_sparsevec *v = (const pgv_sparsevec *)p;
  char *start = out;
  int32_t k;
  *out++ = '{';
  for (k = 0; k < v->nnz; k++) {
    if (k > 0) *out++ = ',';
    out += pgv_print_int(out, v->i[k] + 1);
    *out++ = ':';
    out += pgv_print_float(out, pgv_sparse_cvalues(v)[k]);
  }
  *out++ = '}';
  *out++ = '/';
  out += pgv_print_int(out, v->dim);
  return (size_t)(out - start);
}

void pgv_sparsevec_recv(lua_State *L, const char *p, size_t n) {
  int32_t dim, nnz, k;
  pgv_sparsevec *v;
  if (n < 12) pgv_check_size(L, NAME, n, 12);
  dim = (int32_t)pgv_get32(p);
  nnz = (int32_t)pgv_get32(p + 4);
  check_dim(L, dim);
  check_nnz(L, nnz);
  if (nnz > dim)
    pgv_dataerror(L, "54000",
                  NAME " cannot have more elements than dimensions");
  pgv_check_unused(L, (int32_t)pgv_get32(p + 8));
  pgv_check_size(L, NAME, n, 12 + (size_t)nnz * 8);
  v = pgv_sparsevec_new(L, dim, nnz);
  pgv_order32(v->i, p + 12, (size_t)nnz * 2, 1); /* values follow indices */
  for (k = 0; k < nnz; k++) check_index(L, v->i, k, dim);
  for (k = 0; k < nnz; k++) {
    float x = pgv_sparse_cvalues(v)[k];
    if (isnan(x) || isinf(x)) pgv_not_finite_error(L, NAME, (double)x);
    if (x == 0.0f)
      pgv_dataerror(L, "22000",
                    "binary representation of " NAME
                    " cannot contain zero values");
  }
  pgv_finish(L, &pgv_sparsevec_type);
}

void pgv_sparsevec_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  const pgv_sparsevec *v;
  size_t n;
  char *out;
  make(L, idx);
  v = (const pgv_sparsevec *)lua_touserdata(L, -1);
  pgv_check_expected(L, v->dim, dim);
  n = (size_t)v->nnz * 2;
  out = pgv_buf_room(L, b, 12 + 4 * n);
  pgv_put32(out, (uint32_t)v->dim);
  pgv_put32(out + 4, (uint32_t)v->nnz);
  pgv_put32(out + 8, 0);
  pgv_order32(out + 12, v->i, n, 1); /* values follow indices */
  b->n += 12 + 4 * n;
  lua_pop(L, 1);
}

/* the packed form is that of the dense vector */
static void pack(lua_State *L, int idx, int big_endian) {
  pgv_vector_type.make(L, idx);
  pgv_vector_type.pack(L, lua_gettop(L), big_endian);
}

static void unpack(lua_State *L, const char *p, size_t n, int big_endian) {
  pgv_vector_type.unpack(L, p, n, big_endian);
  make(L, lua_gettop(L));
}

/* }====================================================================== */

/*
** {======================================================================
** Elements and order
** =======================================================================
*/

static void push(lua_State *L, const void *p, int32_t i) {
  const pgv_sparsevec *v = (const pgv_sparsevec *)p;
  int32_t low = 0, high = v->nnz;
  while (low < high) {
    int32_t middle = low + (high - low) / 2;
    if (v->i[middle] < i)
      low = middle + 1;
    else
      high = middle;
  }
  lua_pushnumber(L, low < v->nnz && v->i[low] == i
                        ? (lua_Number)pgv_sparse_cvalues(v)[low]
                        : 0);
}

static int field(lua_State *L, const void *p, const char *name) {
  const pgv_sparsevec *v = (const pgv_sparsevec *)p;
  int32_t k;
  if (strcmp(name, "dim") == 0) {
    lua_pushinteger(L, v->dim);
    return 1;
  }
  if (strcmp(name, "elements") != 0) return 0;
  lua_createtable(L, 0, v->nnz);
  for (k = 0; k < v->nnz; k++) {
    lua_pushinteger(L, (lua_Integer)v->i[k] + 1);
    lua_pushnumber(L, (lua_Number)pgv_sparse_cvalues(v)[k]);
    lua_rawset(L, -3);
  }
  return 1;
}

static int nnz(lua_State *L) {
  lua_pushinteger(L, ((const pgv_sparsevec *)pgv_self(L))->nnz);
  return 1;
}

static int indices(lua_State *L) {
  const pgv_sparsevec *v = (const pgv_sparsevec *)pgv_self(L);
  int32_t k;
  lua_createtable(L, v->nnz, 0);
  for (k = 0; k < v->nnz; k++) {
    lua_pushinteger(L, (lua_Integer)v->i[k] + 1);
    lua_rawseti(L, -2, k + 1);
  }
  return 1;
}

static int values(lua_State *L) {
  const pgv_sparsevec *v = (const pgv_sparsevec *)pgv_self(L);
  int32_t k;
  lua_createtable(L, v->nnz, 0);
  for (k = 0; k < v->nnz; k++) {
    lua_pushnumber(L, (lua_Number)pgv_sparse_cvalues(v)[k]);
    lua_rawseti(L, -2, k + 1);
  }
  return 1;
}

/* as if all elements were there: an absent one is compared as zero */
static int compare(const void *p, const void *q) {
  const pgv_sparsevec *a = (const pgv_sparsevec *)p;
  const pgv_sparsevec *b = (const pgv_sparsevec *)q;
  const float *x = pgv_sparse_cvalues(a), *y = pgv_sparse_cvalues(b);
  int32_t k, n = a->nnz < b->nnz ? a->nnz : b->nnz;
  for (k = 0; k < n; k++) {
    if (a->i[k] < b->i[k]) return x[k] < 0.0f ? -1 : 1;
    if (a->i[k] > b->i[k]) return y[k] < 0.0f ? 1 : -1;
    if (x[k] != y[k]) return x[k] < y[k] ? -1 : 1;
  }
  if (a->nnz < b->nnz && b->i[n] < a->dim) return y[n] < 0.0f ? 1 : -1;
  if (a->nnz > b->nnz && a->i[n] < b->dim) return x[n] < 0.0f ? -1 : 1;
  return (a->dim > b->dim) - (a->dim < b->dim);
}

/* }====================================================================== */

static double length(const pgv_sparsevec *v) {
  double sum = 0.0;
  int32_t k;
  for (k = 0; k < v->nnz; k++) {
    double x = (double)pgv_sparse_cvalues(v)[k];
    sum += x * x;
  }
  return sqrt(sum);
}

static int norm(lua_State *L) {
  lua_pushnumber(L, length((const pgv_sparsevec *)pgv_self(L)));
  return 1;
}

static int l2_normalize(lua_State *L) {
  const pgv_sparsevec *v = (const pgv_sparsevec *)pgv_self(L);
  double n = length(v);
  pgv_buf *b = pgv_buf_new(L);
  int32_t k;
  for (k = 0; k < v->nnz; k++) {
    float x = (float)((double)pgv_sparse_cvalues(v)[k] / n);
    if (isinf(x)) pgv_arithmetic_error(L, "overflow");
    add(L, b, v->i[k], x); /* what underflows is left out */
  }
  build(L, b, v->dim);
  return 1;
}

static pgv_sparse view(const void *p) {
  const pgv_sparsevec *v = (const pgv_sparsevec *)p;
  pgv_sparse s;
  s.i = v->i;
  s.x = pgv_sparse_cvalues(v);
  s.n = v->nnz;
  return s;
}

#define DISTANCE(name, sign)                                                  \
  static double name(const void *a, const void *b) {                          \
    return sign pgv_sparse_##name(view(a), view(b));                          \
  }

DISTANCE(l2, +)
DISTANCE(ip, -)
DISTANCE(cosine, +)
DISTANCE(l1, +)

static const luaL_Reg methods[] = {
    {"norm", norm},       {"l2_normalize", l2_normalize}, {"nnz", nnz},
    {"indices", indices}, {"values", values},             {NULL, NULL},
};

static const luaL_Reg call[] = {{"__call", construct}, {NULL, NULL}};
static const luaL_Reg none[] = {{NULL, NULL}};

const pgv_type pgv_sparsevec_type = {
    NAME,
    PGV_SPARSEVEC,
    NAME " dimensions",
    methods,
    none,
    call,
    none,
    make,
    pgv_sparsevec_recv,
    pgv_sparsevec_parse,
    pgv_sparsevec_send,
    pack,
    unpack,
    push,
    field,
    text_size,
    text,
    compare,
    {l2, ip, cosine, l1, NULL, NULL},
};
