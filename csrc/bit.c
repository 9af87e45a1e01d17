/*
** The type bit: a string of bits, most significant first.
*/
#include <string.h>

#include "bytes.h"
#include "kernel.h"
#include "value.h"

#define NAME "bit"
#define MAX_LENGTH (INT32_MAX - 7) /* the server's VARBITMAXLEN */

#define bytes_for(len) (((size_t)(len) + 7) / 8)

pgv_bit *pgv_bit_new(lua_State *L, int32_t len) {
  size_t n = bytes_for(len);
  pgv_bit *v = (pgv_bit *)lua_newuserdatauv(L, sizeof *v + n, 0);
  v->len = len;
  memset(v->b, 0, n);
  return v;
}

static void check_length(lua_State *L, size_t n) {
  if (n > MAX_LENGTH)
    pgv_dataerror(L, "54000",
                  "bit string length exceeds the maximum allowed (%d)",
                  MAX_LENGTH);
}

/*
** {======================================================================
** Construction
** =======================================================================
*/

/* [-0, +0, e] raises about the character at p */
PGV_NORETURN static void digit_error(lua_State *L, const char *p,
                                     const char *end, const char *system) {
  int n = 1;
  while (p + n < end && ((unsigned char)p[n] & 0xc0) == 0x80) n++;
  pgv_dataerror(L, "22P02", "\"%.*s\" is not a valid %s digit", n, p, system);
}

/* [-0, +1, e] pushes the bits of four per digit */
static void from_hex(lua_State *L, const char *p, const char *end) {
  size_t i, n = (size_t)(end - p);
  pgv_bit *v;
  check_length(L, n < MAX_LENGTH ? 4 * n : n);
  v = pgv_bit_new(L, (int32_t)(4 * n));
  for (i = 0; i < n; i++) {
    const char *digits = "0123456789abcdef";
    int c = p[i] >= 'A' && p[i] <= 'F' ? p[i] - 'A' + 'a' : p[i];
    const char *at = (const char *)memchr(digits, c, 16);
    if (at == NULL) digit_error(L, p + i, end, "hexadecimal");
    v->b[i / 2] |= (unsigned char)((at - digits) << (i % 2 == 0 ? 4 : 0));
  }
  pgv_finish(L, &pgv_bit_type);
}

void pgv_bit_parse(lua_State *L, const char *s, size_t n) {
  const char *p = s, *end = s + n;
  pgv_bit *v;
  size_t i;
  if (n > 0 && (*p == 'x' || *p == 'X')) {
    from_hex(L, p + 1, end);
    return;
  }
  if (n > 0 && (*p == 'b' || *p == 'B')) p++;
  n = (size_t)(end - p);
  check_length(L, n);
  v = pgv_bit_new(L, (int32_t)n);
  for (i = 0; i < n; i++) {
    if (p[i] == '1')
      v->b[i / 8] |= (unsigned char)(0x80 >> i % 8);
    else if (p[i] != '0')
      digit_error(L, p + i, end, "binary");
  }
  pgv_finish(L, &pgv_bit_type);
}

static void from_table(lua_State *L, int idx) {
  int32_t i, n = pgv_sequence(L, idx, "boolean");
  pgv_bit *v;
  check_length(L, (size_t)n);
  v = pgv_bit_new(L, n);
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, idx, i + 1);
    if (lua_type(L, -1) != LUA_TBOOLEAN)
      pgv_element_error(L, (lua_Integer)i + 1, "boolean");
    if (lua_toboolean(L, -1)) v->b[i / 8] |= (unsigned char)(0x80 >> i % 8);
    lua_pop(L, 1);
  }
  pgv_finish(L, &pgv_bit_type);
}

static void make(lua_State *L, int idx) {
  if (pgv_typeof(L, idx) == &pgv_bit_type) {
    lua_pushvalue(L, idx); /* it cannot change: no need for another */
  } else if (lua_type(L, idx) == LUA_TTABLE) {
    from_table(L, lua_absindex(L, idx));
  } else if (lua_type(L, idx) == LUA_TSTRING) {
    size_t n;
    const char *s = lua_tolstring(L, idx, &n);
    pgv_bit_parse(L, s, n);
  } else {
    pgv_type_error(L, idx, NAME, "table, string or bit");
  }
}

/* }====================================================================== */

/*
** {======================================================================
** Text and binary
** =======================================================================
*/

static int bit_at(const pgv_bit *v, int32_t i) {
  return v->b[i / 8] >> (7 - i % 8) & 1;
}

static size_t text_size(const void *v) { return (size_t)pgv_length(v); }

static size_t text(const void *p, char *out) {
  const pgv_bit *v = (const pgv_bit *)p;
  int32_t i;
  for (i = 0; i < v->len; i++) out[i] = (char)('0' + bit_at(v, i));
  return (size_t)v->len;
}

/* [-0, +1, e] pushes the value with these bits; those behind are dropped */
static void from_bits(lua_State *L, const char *p, int32_t len) {
  pgv_bit *v = pgv_bit_new(L, len);
  memcpy(v->b, p, bytes_for(len));
  if (len % 8 != 0) v->b[len / 8] &= (unsigned char)(0xff00 >> len % 8);
  pgv_finish(L, &pgv_bit_type);
}

void pgv_bit_recv(lua_State *L, const char *p, size_t n) {
  int32_t len;
  if (n < 4) pgv_check_size(L, NAME, n, 4);
  len = (int32_t)pgv_get32(p);
  if (len < 0 || len > MAX_LENGTH)
    pgv_dataerror(L, "22P03", "invalid length in external bit string");
  pgv_check_size(L, NAME, n, 4 + bytes_for(len));
  from_bits(L, p + 4, len);
}

void pgv_bit_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  const pgv_bit *v;
  size_t n;
  char *out;
  make(L, idx);
  v = (const pgv_bit *)lua_touserdata(L, -1);
  if (dim > 0 && v->len != dim)
    pgv_dataerror(L, "22026",
                  "bit string length %d does not match type bit(%d)",
                  (int)v->len, dim);
  n = bytes_for(v->len);
  out = pgv_buf_room(L, b, 4 + n);
  pgv_put32(out, (uint32_t)v->len);
  memcpy(out + 4, v->b, n);
  b->n += 4 + n;
  lua_pop(L, 1);
}

/* the packed form has bytes only, so that their order is always the same */
static void pack(lua_State *L, int idx, int big_endian) {
  const pgv_bit *v = (const pgv_bit *)lua_touserdata(L, idx);
  (void)big_endian;
  lua_pushlstring(L, (const char *)v->b, bytes_for(v->len));
}

static void unpack(lua_State *L, const char *p, size_t n, int big_endian) {
  (void)big_endian;
  check_length(L, n < MAX_LENGTH ? 8 * n : n);
  from_bits(L, p, (int32_t)(8 * n));
}

static int from_bytes(lua_State *L) {
  size_t n;
  const char *s;
  if (lua_type(L, 1) != LUA_TSTRING)
    pgv_type_error(L, 1, "from_bytes", "string");
  s = lua_tolstring(L, 1, &n);
  unpack(L, s, n, 0);
  return 1;
}

static int to_bytes(lua_State *L) {
  pgv_self(L);
  pack(L, 1, 0);
  return 1;
}

/* }====================================================================== */

static void push(lua_State *L, const void *v, int32_t i) {
  lua_pushboolean(L, bit_at((const pgv_bit *)v, i));
}

static int compare(const void *p, const void *q) {
  const pgv_bit *a = (const pgv_bit *)p, *b = (const pgv_bit *)q;
  int order =
      memcmp(a->b, b->b, bytes_for(a->len < b->len ? a->len : b->len));
  return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static double hamming(const void *p, const void *q) {
  const pgv_bit *a = (const pgv_bit *)p, *b = (const pgv_bit *)q;
  uint64_t n = pgv_kernel->bit.differing(a->b, b->b, bytes_for(a->len));
  return (double)n;
}

static double jaccard(const void *p, const void *q) {
  const pgv_bit *a = (const pgv_bit *)p, *b = (const pgv_bit *)q;
  size_t n = bytes_for(a->len);
  uint64_t both = pgv_kernel->bit.both(a->b, b->b, n);
  uint64_t either = both + pgv_kernel->bit.differing(a->b, b->b, n);
  return both == 0 ? 1.0 : 1.0 - (double)both / (double)either;
}

static const luaL_Reg methods[] = {{"to_bytes", to_bytes}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"from_bytes", from_bytes}, {NULL, NULL}};
static const luaL_Reg none[] = {{NULL, NULL}};

const pgv_type pgv_bit_type = {
    NAME,
    PGV_BIT,
    NAME " lengths",
    methods,
    none,
    NULL,
    functions,
    make,
    pgv_bit_recv,
    pgv_bit_parse,
    pgv_bit_send,
    pack,
    unpack,
    push,
    NULL,
    text_size,
    text,
    compare,
    {NULL, NULL, NULL, NULL, hamming, jaccard},
};
