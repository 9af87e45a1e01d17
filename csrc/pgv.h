/*
** What the files of the core share: the error producer, the growable buffer,
** the four value types and the functions each file offers to the others.
** Stack effects are written as in the Lua manual: [-popped, +pushed, may raise].
*/
#ifndef PGV_H
#define PGV_H

#include <stddef.h>
#include <stdint.h>

#include "compat.h"

#if defined(__GNUC__)
#define PGV_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define PGV_NORETURN __attribute__((noreturn))
#else
#define PGV_PRINTF(f, a)
#define PGV_NORETURN
#endif

#define PGV_MAX_DIM 16000           /* vector, halfvec */
#define PGV_SPARSE_MAX_DIM 1000000000
#define PGV_SPARSE_MAX_NNZ 16000

/* ---- error.c ---- */

/* [-?, +0, e] raises an error object: class and sqlstate as in errors.lua;
** sqlstate may be NULL. The format takes what C's printf takes. */
PGV_NORETURN void pgv_raise(lua_State *L, const char *cls, const char *sqlstate,
                            const char *fmt, ...) PGV_PRINTF(4, 5);
/* the same with a detail, which may be NULL */
PGV_NORETURN void pgv_raise_detail(lua_State *L, const char *cls,
                                   const char *sqlstate, const char *detail,
                                   const char *fmt, ...) PGV_PRINTF(5, 6);
/* [-1, +0, e] raises the error on the top again, its message behind prefix */
PGV_NORETURN void pgv_reraise(lua_State *L, const char *prefix);
/* the two that nearly everything uses */
#define pgv_dataerror(L, state, ...) pgv_raise(L, "DataError", state, __VA_ARGS__)
#define pgv_argerror(L, ...) pgv_raise(L, "ArgumentError", NULL, __VA_ARGS__)

/* ---- box.c: memory that the collector frees ---- */

typedef struct pgv_buf {
  char *p;
  size_t n, cap;
} pgv_buf;

/* [-0, +1, m] pushes an empty buffer */
pgv_buf *pgv_buf_new(lua_State *L);
/* [-0, +0, m] room for `more` bytes at the end; returns where they go */
char *pgv_buf_room(lua_State *L, pgv_buf *b, size_t more);
/* [-0, +0, m] appends */
void pgv_buf_add(lua_State *L, pgv_buf *b, const void *src, size_t n);
/* gives the memory back; the buffer stays usable */
void pgv_buf_free(pgv_buf *b);

/* ---- the value types: payload inline, immutable ---- */

#define PGV_VECTOR "pgvector.vector"
#define PGV_HALFVEC "pgvector.halfvec"
#define PGV_SPARSEVEC "pgvector.sparsevec"
#define PGV_BIT "pgvector.bit"

typedef struct pgv_vector {
  int32_t dim;
  float x[];
} pgv_vector;

typedef struct pgv_halfvec {
  int32_t dim;
  uint16_t x[]; /* IEEE 754 binary16, host byte order */
} pgv_halfvec;

typedef struct pgv_sparsevec {
  int32_t dim, nnz;
  int32_t i[]; /* nnz indices from 0, ascending; then nnz floats */
} pgv_sparsevec;
#define pgv_sparse_values(s) ((float *)(void *)((s)->i + (s)->nnz))
#define pgv_sparse_cvalues(s)                                                 \
  ((const float *)(const void *)((s)->i + (s)->nnz))

typedef struct pgv_bit {
  int32_t len;       /* in bits */
  unsigned char b[]; /* most significant bit first, padding bits zero */
} pgv_bit;

/*
** Each type has, for the rest of the core:
**   recv   [-0, +1, e]  pushes a value from PostgreSQL's binary format
**   parse  [-0, +1, e]  pushes a value from PostgreSQL's text format
**   send   [-0, +0, e]  appends the binary format of whatever the type's
**                       constructor accepts at idx; dim > 0 is the column's
**                       declared length, which the value must have
** A partly appended value is the caller's to cut off (b->n) after an error.
*/
void pgv_vector_recv(lua_State *L, const char *p, size_t n);
void pgv_vector_parse(lua_State *L, const char *s, size_t n);
void pgv_vector_send(lua_State *L, int idx, int dim, pgv_buf *b);
void pgv_halfvec_recv(lua_State *L, const char *p, size_t n);
void pgv_halfvec_parse(lua_State *L, const char *s, size_t n);
void pgv_halfvec_send(lua_State *L, int idx, int dim, pgv_buf *b);
void pgv_sparsevec_recv(lua_State *L, const char *p, size_t n);
void pgv_sparsevec_parse(lua_State *L, const char *s, size_t n);
void pgv_sparsevec_send(lua_State *L, int idx, int dim, pgv_buf *b);
void pgv_bit_recv(lua_State *L, const char *p, size_t n);
void pgv_bit_parse(lua_State *L, const char *s, size_t n);
void pgv_bit_send(lua_State *L, int idx, int dim, pgv_buf *b);
/* [-0, +1, e] pushes the server's text for the value userdata at idx */
void pgv_value_pushtext(lua_State *L, int idx);
/* [-0, +0, -] "vector", "halfvec", "sparsevec", "bit", or NULL */
const char *pgv_value_type(lua_State *L, int idx);

/* ---- numbers that must not change on their way (int64.c) ---- */

/* [-0, +1, m] an integer on 5.3+; on 5.1 a number up to 2^53, else its digits */
void pgv_pushint64(lua_State *L, int64_t v);

/* ---- each file adds its functions to the module table on the top ---- */

void pgv_open_values(lua_State *L);  /* vector, halfvec, sparsevec, bit, batch */
void pgv_open_libpq(lua_State *L);   /* connections, results, parameters, COPY */
void pgv_open_sys(lua_State *L);     /* poll, clock, isatty */
void pgv_open_bridge(lua_State *L); /* waiting through another thread */

#endif
