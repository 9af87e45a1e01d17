/*
** What the files of the value types share.
*/
#ifndef PGV_VALUE_H
#define PGV_VALUE_H

#include "pgv.h"

/* ---- a type, as the code that serves all of them sees it ---- */

typedef enum {
  PGV_L2,
  PGV_IP, /* negative, as the operator <#> */
  PGV_COSINE,
  PGV_L1,
  PGV_HAMMING,
  PGV_JACCARD,
  PGV_METRICS
} pgv_metric;

typedef double (*pgv_distance)(const void *a, const void *b);

typedef struct pgv_type {
  const char *name;         /* "vector" */
  const char *metatable;    /* its name in the registry */
  const char *lengths;      /* "vector dimensions": what can be different */
  const luaL_Reg *methods;  /* what this type has besides the common ones */
  const luaL_Reg *metamethods;
  const luaL_Reg *call;      /* __call of the namespace; NULL: make(x) */
  const luaL_Reg *functions; /* further ones of the namespace */
  /* [-0, +1, e] pushes what the constructor makes of the value at idx */
  void (*make)(lua_State *L, int idx);
  void (*recv)(lua_State *L, const char *p, size_t n);
  void (*parse)(lua_State *L, const char *s, size_t n);
  void (*send)(lua_State *L, int idx, int dim, pgv_buf *b);
  /* [-0, +1, e] the elements alone, in this byte order: pushes the string for
  ** the value at idx; pushes the value for a string */
  void (*pack)(lua_State *L, int idx, int big_endian);
  void (*unpack)(lua_State *L, const char *p, size_t n, int big_endian);
  /* [-0, +1, -] pushes element i, counted from 0 */
  void (*push)(lua_State *L, const void *v, int32_t i);
  /* [-0, +(0|1), m] pushes the field of this name, if it is one; may be NULL */
  int (*field)(lua_State *L, const void *v, const char *name);
  size_t (*text_size)(const void *v); /* at most */
  size_t (*text)(const void *v, char *out); /* returns the length written */
  int (*compare)(const void *a, const void *b); /* the server's btree order */
  pgv_distance distance[PGV_METRICS]; /* NULL: not a metric of this type */
} pgv_type;

extern const pgv_type pgv_vector_type, pgv_halfvec_type, pgv_sparsevec_type,
    pgv_bit_type;

/* ---- values.c ---- */

/* every value begins with its length in dimensions or bits */
#define pgv_length(v) (*(const int32_t *)(v))

/* [-0, +0, -] the type of the userdata at idx, or NULL */
const pgv_type *pgv_typeof(lua_State *L, int idx);
/* [-0, +0, -] how a message calls what is at idx */
const char *pgv_typename(lua_State *L, int idx);
/* [-0, +0, e] in a method: its object, which is argument 1 */
const void *pgv_self(lua_State *L);
/* [-0, +0, e] in a method: raises unless argument `idx` was given at all */
void pgv_check_colon(lua_State *L, int idx);
/* [-0, +0, e] the value of type t at idx; a table or text there is replaced by
** what the constructor makes of it */
const void *pgv_operand(lua_State *L, int idx, const pgv_type *t,
                        const char *what);
/* [-0, +(0|1), e] is argument 2 a table that knows the operation by itself, an
** SQL expression? Then it does it, and 1 is returned with the result pushed. */
int pgv_taken_over(lua_State *L, const char *event);
/* [-0, +0, e] raises unless both have the same length */
void pgv_check_lengths(lua_State *L, const pgv_type *t, const void *a,
                       const void *b);
/* [-0, +0, e] raises unless the length is the column's (0: any) */
void pgv_check_expected(lua_State *L, int32_t dim, int expected);
/* [-0, +0, e] an integral number, brought into the range of int32_t */
int32_t pgv_check_int(lua_State *L, int idx, const char *what);
/* [-0, +0, e] raises for what is neither a type's own nor table nor text */
PGV_NORETURN void pgv_type_error(lua_State *L, int idx, const char *what,
                                 const char *expected);

/* ---- table.c: Lua tables as input ---- */

/* [-0, +0, e] the length of the sequence at idx; raises if it has a hole that
** shows, or any other key */
int32_t pgv_sequence(lua_State *L, int idx, const char *expected);
/* [-0, +0, e] raises about element i (from 1), which is on the top */
PGV_NORETURN void pgv_element_error(lua_State *L, lua_Integer i,
                                    const char *expected);

/* ---- text.c ---- */

#define PGV_FLOAT_TEXT 15 /* "-1.17549435e-38" */
#define PGV_INT_TEXT 10

/* write what the server prints and return its length; v >= 0 */
int pgv_print_float(char *out, float f);
int pgv_print_int(char *out, int32_t v);

typedef enum { PGV_IN_RANGE, PGV_OVERFLOW, PGV_UNDERFLOW } pgv_range;

/* read what strtof and strtol (base 10) read, correctly rounded or brought
** into range, and return its end: p if there is nothing to read */
const char *pgv_scan_float(const char *p, const char *end, float *f,
                           pgv_range *range);
const char *pgv_scan_int(const char *p, const char *end, int32_t *v);
const char *pgv_skip_space(const char *p, const char *end);
/* [-0, +0, e] raises if the server could not take so long a text */
void pgv_check_text(lua_State *L, size_t n);

PGV_NORETURN void pgv_syntax_error(lua_State *L, const char *type,
                                   const char *s, size_t n, const char *detail);
PGV_NORETURN void pgv_range_error(lua_State *L, const char *type,
                                  const char *s, size_t n);
/* [-0, +0, e] the same for a number that has no text yet */
PGV_NORETURN void pgv_number_range_error(lua_State *L, const char *type,
                                         double d);
/* [-0, +0, e] raises about a NaN or an infinity */
PGV_NORETURN void pgv_not_finite_error(lua_State *L, const char *type,
                                       double d);
/* [-0, +0, e] "value out of range: overflow" (or "underflow") */
PGV_NORETURN void pgv_arithmetic_error(lua_State *L, const char *what);

/* ---- wire.c ---- */

/* copies n elements of 2 or 4 bytes between host and given byte order;
** dst may be src */
void pgv_order16(void *dst, const void *src, size_t n, int big_endian);
void pgv_order32(void *dst, const void *src, size_t n, int big_endian);
/* [-0, +0, e] reads the option table {endian=} at idx, which may be absent */
int pgv_big_endian(lua_State *L, int idx, const char *what);
/* [-0, +0, e] raises unless a message of n bytes is as long as it must be */
void pgv_check_size(lua_State *L, const char *type, size_t n, size_t expected);
/* [-0, +0, e] raises unless n bytes are whole elements; returns how many */
int32_t pgv_check_packed(lua_State *L, size_t n, size_t element);
/* [-0, +0, e] raises unless the reserved field is 0 */
void pgv_check_unused(lua_State *L, int unused);

/* ---- values under construction: nothing sees them before finish ---- */

/* [-0, +1, m] */
pgv_vector *pgv_vector_new(lua_State *L, int32_t dim);
pgv_halfvec *pgv_halfvec_new(lua_State *L, int32_t dim);
pgv_sparsevec *pgv_sparsevec_new(lua_State *L, int32_t dim, int32_t nnz);
pgv_bit *pgv_bit_new(lua_State *L, int32_t len); /* all bits 0 */
#define pgv_finish(L, t) luaL_setmetatable(L, (t)->metatable)

/* ---- batch.c ---- */

extern const luaL_Reg pgv_batch_functions[];

#endif
