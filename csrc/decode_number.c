/*
** Numbers from the server. One becomes a Lua number only if nothing is lost;
** otherwise it stays the text that the server would print.
*/
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "codec.h"
#include "digits.h"

/* [-0, +0, e] */
static void check_size(lua_State *L, size_t n, size_t size, const char *type) {
  if (n != size) pgv_malformed(L, type);
}

/* ---- integers ---- */

void pgv_int2_recv(lua_State *L, const char *p, size_t n) {
  check_size(L, n, 2, "smallint");
  lua_pushinteger(L, (int16_t)pgv_get16(p));
}

void pgv_int4_recv(lua_State *L, const char *p, size_t n) {
  check_size(L, n, 4, "integer");
  lua_pushinteger(L, (int32_t)pgv_get32(p));
}

void pgv_int8_recv(lua_State *L, const char *p, size_t n) {
  check_size(L, n, 8, "bigint");
  pgv_pushint64(L, (int64_t)pgv_get64(p));
}

void pgv_int8_recv_string(lua_State *L, const char *p, size_t n) {
  char text[PGV_NUMBER_TEXT];
  check_size(L, n, 8, "bigint");
  sprintf(text, "%lld", (long long)(int64_t)pgv_get64(p));
  lua_pushstring(L, text);
}

void pgv_oid_recv(lua_State *L, const char *p, size_t n) {
  check_size(L, n, 4, "oid");
  lua_pushinteger(L, (lua_Integer)pgv_get32(p));
}

void pgv_int_parse(lua_State *L, const char *p, size_t n) {
  int64_t v;
  if (pgv_text_int64(p, n, &v) <= 0) pgv_malformed(L, "integer");
  pgv_pushint64(L, v);
}

/* ---- floats ---- */

void pgv_float4_recv(lua_State *L, const char *p, size_t n) {
  check_size(L, n, 4, "real");
  lua_pushnumber(L, pgv_bits_float(pgv_get32(p)));
}

void pgv_float4_parse(lua_State *L, const char *p, size_t n) {
  double v;
  if (!pgv_text_double(L, p, n, &v)) pgv_malformed(L, "real");
  lua_pushnumber(L, (float)v);
}

void pgv_float8_recv(lua_State *L, const char *p, size_t n) {
  double v;
  uint64_t u;
  check_size(L, n, 8, "double precision");
  u = pgv_get64(p);
  memcpy(&v, &u, 8);
  lua_pushnumber(L, v);
}

void pgv_float8_parse(lua_State *L, const char *p, size_t n) {
  double v;
  if (!pgv_text_double(L, p, n, &v)) pgv_malformed(L, "double precision");
  lua_pushnumber(L, v);
}

/* ---- numeric ---- */

#define NUMERIC_POS 0x0000
#define NUMERIC_NEG 0x4000
#define NUMERIC_NAN 0xC000
#define NUMERIC_PINF 0xD000
#define NUMERIC_NINF 0xF000
#define NUMERIC_MAX_SCALE 16383

/* a decimal text: what decides whether a double keeps it */
typedef struct figures {
  int digits; /* from the first to the last that is not zero */
  int whole;  /* no point */
} figures;

/* [-0, +0, -] */
static void count_figures(const char *p, size_t n, figures *f) {
  int zeros = 0;
  size_t i;
  f->digits = 0;
  f->whole = 1;
  for (i = n > 0 && p[0] == '-'; i < n; i++) {
    if (p[i] == '.') {
      f->whole = 0;
      continue;
    }
    if (p[i] == '0') {
      zeros += f->digits > 0; /* they count once another digit follows */
    } else {
      f->digits += zeros + 1;
      zeros = 0;
    }
  }
}

/* [-0, +1, m] pushes a number if up to 15 digits and 2^53 keep it exact (and
** it is not too small), else its text */
static void push_exact(lua_State *L, const char *p, size_t n) {
  figures f;
  double v;
  count_figures(p, n, &f);
  if (!pgv_text_double(L, p, n, &v)) pgv_malformed(L, "numeric");
  if (p[n - 1] > '9') { /* NaN, Infinity */
    lua_pushnumber(L, v);
    return;
  }
  if (f.digits > 15 || fabs(v) > 0x1p53 || (v == 0 && f.digits > 0))
    lua_pushlstring(L, p, n);
  else if (f.whole)
    pgv_pushint64(L, (int64_t)v);
  else
    lua_pushnumber(L, v);
}

/* [-0, +1, m] pushes any number */
static void push_number(lua_State *L, const char *p, size_t n) {
  double v;
  if (!pgv_text_double(L, p, n, &v)) pgv_malformed(L, "numeric");
  lua_pushnumber(L, v);
}

static void push_text(lua_State *L, const char *p, size_t n) {
  lua_pushlstring(L, p, n);
}

typedef struct numeric {
  int groups, weight, scale;
  unsigned sign;
  const char *digits; /* groups × int16 */
} numeric;

/* [-0, +0, e] */
static void read_numeric(lua_State *L, const char *p, size_t n, numeric *v) {
  ptrdiff_t i;
  if (n < 8) pgv_malformed(L, "numeric");
  v->groups = (int)pgv_get16(p);
  v->weight = (int16_t)pgv_get16(p + 2);
  v->sign = pgv_get16(p + 4);
  v->scale = (int)pgv_get16(p + 6);
  v->digits = p + 8;
  if (n != 8 + 2 * (size_t)v->groups || v->scale > NUMERIC_MAX_SCALE)
    pgv_malformed(L, "numeric");
  for (i = 0; i < v->groups; i++)
    if (pgv_get16(v->digits + 2 * i) > 9999) pgv_malformed(L, "numeric");
}

/* [-0, +0, -] group i of four digits, 0 outside */
static unsigned group(const numeric *v, ptrdiff_t i) {
  return i >= 0 && i < v->groups ? pgv_get16(v->digits + 2 * i) : 0;
}

/* [-0, +0, -] writes the decimal text; its length */
static size_t print_numeric(char *out, const numeric *v) {
  char *p = out;
  int i, left;
  if (v->sign == NUMERIC_NEG) *p++ = '-';
  if (v->weight < 0) *p++ = '0';
  for (i = 0; i <= v->weight; i++)
    if (i == 0)
      p += sprintf(p, "%u", group(v, i));
    else
      p = pgv_put_digits(p, group(v, i), 4);
  if (v->scale > 0) *p++ = '.';
  for (i = v->weight + 1, left = v->scale; left > 0; i++, left -= 4) {
    char four[4];
    pgv_put_digits(four, group(v, i), 4);
    memcpy(p, four, left < 4 ? (size_t)left : 4);
    p += left < 4 ? left : 4;
  }
  return (size_t)(p - out);
}

/* [-0, +1, e] pushes what `push` makes of the text */
static void recv_numeric(lua_State *L, const numeric *v,
                         void (*push)(lua_State *, const char *, size_t)) {
  char small[128], *text = small;
  size_t room;
  switch (v->sign) {
  case NUMERIC_NAN: push(L, "NaN", 3); return;
  case NUMERIC_PINF: push(L, "Infinity", 8); return;
  case NUMERIC_NINF: push(L, "-Infinity", 9); return;
  case NUMERIC_POS:
  case NUMERIC_NEG: break;
  default: pgv_malformed(L, "numeric");
  }
  room = (v->weight < 0 ? 0 : (size_t)v->weight + 1) * 4 + (size_t)v->scale + 8;
  if (room > sizeof small) text = (char *)lua_newuserdatauv(L, room, 0);
  push(L, text, print_numeric(text, v));
  if (text != small) lua_remove(L, -2);
}

/*
** [-0, +1|0, -] pushes what push_exact would, by arithmetic: up to 15 digits
** are an integer that a double holds, and dividing that by a power of ten up
** to 22 rounds once, as reading the text would. 0: not of that kind.
*/
static int push_small(lua_State *L, const numeric *v) {
  static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  int64_t d = 0;
  int i, point = 4 * (v->groups - 1 - v->weight); /* digits behind it */
  if (v->groups > 4 || point > 32) return 0;
  for (i = 0; i < v->groups; i++) d = d * 10000 + group(v, i);
  for (; point < 0 && d < 100000000000; point += 4) d *= 10000;
  for (; point > 0 && d % 10 == 0; point--) d /= 10;
  if (point < 0 || point > 22 || point > v->scale) return 0;
  if (d >= 1000000000000000) return 0;
  if (v->sign == NUMERIC_NEG) d = -d;
  if (v->scale == 0)
    pgv_pushint64(L, d);
  else
    lua_pushnumber(L, (double)d / tens[point]);
  return 1;
}

void pgv_numeric_recv(lua_State *L, const char *p, size_t n) {
  numeric v;
  read_numeric(L, p, n, &v);
  if ((v.sign != NUMERIC_POS && v.sign != NUMERIC_NEG) || !push_small(L, &v))
    recv_numeric(L, &v, push_exact);
}

void pgv_numeric_parse(lua_State *L, const char *p, size_t n) {
  push_exact(L, p, n);
}

void pgv_numeric_recv_string(lua_State *L, const char *p, size_t n) {
  numeric v;
  read_numeric(L, p, n, &v);
  recv_numeric(L, &v, push_text);
}

void pgv_numeric_recv_number(lua_State *L, const char *p, size_t n) {
  numeric v;
  read_numeric(L, p, n, &v);
  recv_numeric(L, &v, push_number);
}
