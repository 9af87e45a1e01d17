/*
** Numbers on their way to the server. A value is refused rather than rounded,
** with the server's name of the type and its SQLSTATE.
*/
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "codec.h"

/* ---- integers ---- */

#define TWO_63 9223372036854775808.0

PGV_NORETURN static void out_of_range(lua_State *L, int idx, const char *type) {
  const char *value = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx)
                                                      : pgv_describe(L, idx);
  pgv_dataerror(L, "22003", "value %s is out of range for type %s", value,
                type);
}

/* [-0, +0, e] an integer, a float without a fraction, or digits */
static int64_t get_int(lua_State *L, int idx, int64_t min, int64_t max,
                       const char *type) {
  int64_t v = 0;
  int ok = 0;
  if (lua_type(L, idx) == LUA_TNUMBER) {
    if (lua_isinteger(L, idx)) {
      v = lua_tointeger(L, idx);
      ok = 1;
    } else {
      lua_Number x = lua_tonumber(L, idx);
      if (x == floor(x) && x - x == 0) {
        ok = x >= -TWO_63 && x < TWO_63 ? 1 : -1;
        if (ok > 0) v = (int64_t)x;
      }
    }
  } else if (lua_type(L, idx) == LUA_TSTRING) {
    size_t n;
    const char *s = lua_tolstring(L, idx, &n);
    ok = pgv_text_int64(s, n, &v);
  }
  if (ok == 0)
    pgv_dataerror(L, "22P02", "expected integer, got %s", pgv_describe(L, idx));
  if (ok < 0 || v < min || v > max) out_of_range(L, idx, type);
  return v;
}

static void print_int(lua_State *L, pgv_buf *b, int64_t v) {
  b->n += (size_t)sprintf(pgv_buf_room(L, b, PGV_NUMBER_TEXT), "%lld",
                          (long long)v);
}

void pgv_int2_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  int64_t v = get_int(L, idx, INT16_MIN, INT16_MAX, "smallint");
  (void)dim;
  pgv_put16(pgv_buf_room(L, b, 2), (uint16_t)v);
  b->n += 2;
}

void pgv_int2_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  print_int(L, b, get_int(L, idx, INT16_MIN, INT16_MAX, "smallint"));
}

void pgv_int4_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  int64_t v = get_int(L, idx, INT32_MIN, INT32_MAX, "integer");
  (void)dim;
  pgv_put32(pgv_buf_room(L, b, 4), (uint32_t)v);
  b->n += 4;
}

void pgv_int4_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  print_int(L, b, get_int(L, idx, INT32_MIN, INT32_MAX, "integer"));
}

void pgv_int8_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  int64_t v = get_int(L, idx, INT64_MIN, INT64_MAX, "bigint");
  (void)dim;
  pgv_put64(pgv_buf_room(L, b, 8), (uint64_t)v);
  b->n += 8;
}

void pgv_int8_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  print_int(L, b, get_int(L, idx, INT64_MIN, INT64_MAX, "bigint"));
}

void pgv_oid_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  int64_t v = get_int(L, idx, 0, UINT32_MAX, "oid");
  (void)dim;
  pgv_put32(pgv_buf_room(L, b, 4), (uint32_t)v);
  b->n += 4;
}

void pgv_oid_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  print_int(L, b, get_int(L, idx, 0, UINT32_MAX, "oid"));
}

/* ---- floats ---- */

/* [-0, +0, e] a number, or text that is one */
static double get_double(lua_State *L, int idx, const char *type) {
  double v = 0;
  int ok = 0;
  if (lua_type(L, idx) == LUA_TNUMBER) return lua_tonumber(L, idx);
  if (lua_type(L, idx) == LUA_TSTRING) {
    size_t n;
    const char *s = lua_tolstring(L, idx, &n);
    ok = pgv_text_double(L, s, n, &v);
    if (ok && v - v != 0 && memchr(s, 'I', n) == NULL && v == v)
      out_of_range(L, idx, type);
  }
  if (!ok)
    pgv_dataerror(L, "22P02", "expected number, got %s", pgv_describe(L, idx));
  return v;
}

static double get_float4(lua_State *L, int idx) {
  double v = get_double(L, idx, "real");
  /* what rounds to 2^128 or more is no float */
  if (v - v == 0 && fabs(v) >= 0x1.ffffffp127) out_of_range(L, idx, "real");
  return v;
}

void pgv_float4_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  float v = (float)get_float4(L, idx);
  (void)dim;
  pgv_put32(pgv_buf_room(L, b, 4), pgv_float_bits(v));
  b->n += 4;
}

static void print_double(lua_State *L, pgv_buf *b, double v) {
  b->n += (size_t)pgv_double_text(pgv_buf_room(L, b, PGV_NUMBER_TEXT), v);
}

void pgv_float4_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  print_double(L, b, get_float4(L, idx));
}

void pgv_float8_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  double v = get_double(L, idx, "double precision");
  uint64_t u;
  (void)dim;
  memcpy(&u, &v, 8);
  pgv_put64(pgv_buf_room(L, b, 8), u);
  b->n += 8;
}

void pgv_float8_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  print_double(L, b, get_double(L, idx, "double precision"));
}

void pgv_number_print(lua_State *L, int idx, pgv_buf *b) {
  if (lua_isinteger(L, idx))
    print_int(L, b, lua_tointeger(L, idx));
  else
    print_double(L, b, lua_tonumber(L, idx));
}

/* ---- numeric ---- */

#define NUMERIC_NEG 0x4000
#define NUMERIC_NAN 0xC000
#define NUMERIC_PINF 0xD000
#define NUMERIC_NINF 0xF000
#define NUMERIC_MAX_SCALE 16383
#define NUMERIC_MAX_POINT 131072 /* digits before the point */

/* a decimal number taken apart: its digits are in s, a point possibly among
** them; `point` digits stand before the decimal point */
typedef struct decimal {
  const char *s;
  size_t n; /* characters of s */
  long digits, point;
  int negative;
} decimal;

/* [-0, +0, -] 1, or 0 if it is no decimal number */
static int read_decimal(const char *s, size_t n, decimal *d) {
  size_t i = 0;
  long exponent = 0, before = -1;
  memset(d, 0, sizeof *d);
  if (n > 0 && (s[0] == '-' || s[0] == '+')) d->negative = s[i++] == '-';
  for (d->s = s + i; i < n; i++) {
    if (s[i] == '.' && before < 0)
      before = d->digits;
    else if (s[i] >= '0' && s[i] <= '9')
      d->digits++;
    else
      break;
  }
  d->n = (size_t)(s + i - d->s);
  if (d->digits == 0) return 0;
  if (i < n) {
    int minus = 0;
    if (s[i] != 'e' && s[i] != 'E') return 0;
    if (++i < n && (s[i] == '-' || s[i] == '+')) minus = s[i++] == '-';
    if (i == n) return 0;
    for (; i < n; i++) {
      if (s[i] < '0' || s[i] > '9') return 0;
      if (exponent < 1000000) exponent = exponent * 10 + (s[i] - '0');
    }
    if (minus) exponent = -exponent;
  }
  d->point = (before < 0 ? d->digits : before) + exponent;
  return 1;
}

static void put_numeric_head(char *p, long digits, long weight, unsigned sign,
                             long scale) {
  pgv_put16(p, (uint16_t)digits);
  pgv_put16(p + 2, (uint16_t)weight);
  pgv_put16(p + 4, (uint16_t)sign);
  pgv_put16(p + 6, (uint16_t)scale);
}

/* [-0, +0, e] groups of four digits, aligned to the point, without zero
** groups at either end */
static void send_decimal(lua_State *L, const decimal *d, pgv_buf *b) {
  long scale = d->digits > d->point ? d->digits - d->point : 0;
  long weight = (d->point > 0 ? d->point + 3 : d->point) / 4 - 1;
  long lead = (weight + 1) * 4 - d->point; /* zeros before the first digit */
  long groups = (lead + d->digits + 3) / 4, used = 0, g;
  size_t head = b->n, i = 0;
  char *p;
  pgv_buf_room(L, b, 8 + 2 * (size_t)groups);
  b->n += 8;
  for (g = 0; g < groups; g++, lead = 0) {
    unsigned v = 0;
    long k;
    for (k = 0; k < 4; k++) {
      v *= 10;
      if (k < lead) continue;
      if (i < d->n && d->s[i] == '.') i++;
      if (i < d->n) v += (unsigned)(d->s[i++] - '0');
    }
    if (v == 0 && used == 0) { /* nothing yet */
      weight--;
      continue;
    }
    pgv_put16(b->p + b->n, (uint16_t)v);
    b->n += 2;
    used++;
  }
  for (p = b->p + b->n; used > 0 && pgv_get16(p - 2) == 0; p -= 2) {
    b->n -= 2;
    used--;
  }
  if (used == 0) weight = 0;
  put_numeric_head(b->p + head, used, weight,
                   d->negative && used > 0 ? NUMERIC_NEG : 0, scale);
}

/* [-0, +0, e] numbers that are no digits; 1 if s is one */
static int send_special(lua_State *L, const char *s, pgv_buf *b) {
  unsigned sign = strcmp(s, "NaN") == 0         ? NUMERIC_NAN
                  : strcmp(s, "Infinity") == 0  ? NUMERIC_PINF
                  : strcmp(s, "-Infinity") == 0 ? NUMERIC_NINF
                                                : 0;
  if (sign == 0) return 0;
  put_numeric_head(pgv_buf_room(L, b, 8), 0, 0, sign, 0);
  b->n += 8;
  return 1;
}

/* [-0, +1, e] pushes the decimal text of a number or string at idx */
static const char *push_numeric(lua_State *L, int idx, size_t *n) {
  char text[PGV_NUMBER_TEXT];
  int t = lua_type(L, idx);
  if (t == LUA_TSTRING || (t == LUA_TNUMBER && lua_isinteger(L, idx))) {
    lua_pushvalue(L, idx);
  } else if (t == LUA_TNUMBER) {
    pgv_double_text(text, lua_tonumber(L, idx));
    lua_pushstring(L, text);
  } else {
    pgv_dataerror(L, "22P02", "expected number, got %s", pgv_describe(L, idx));
  }
  return lua_tolstring(L, -1, n);
}

void pgv_numeric_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  size_t n;
  const char *s = push_numeric(L, idx, &n);
  decimal d;
  (void)dim;
  if (!send_special(L, s, b)) {
    if (!read_decimal(s, n, &d))
      pgv_dataerror(L, "22P02", "expected number, got %s",
                    pgv_describe(L, idx));
    if (d.point > NUMERIC_MAX_POINT || d.digits - d.point > NUMERIC_MAX_SCALE)
      pgv_dataerror(L, "22003", "value is out of range for type numeric");
    send_decimal(L, &d, b);
  }
  lua_pop(L, 1);
}

void pgv_numeric_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  if (lua_type(L, idx) == LUA_TNUMBER)
    pgv_number_print(L, idx, b);
  else
    pgv_text_send(L, idx, 0, b);
}
