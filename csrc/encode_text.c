/*
** Text, bytes, booleans, UUIDs, JSON and the value types' text on their way
** to the server.
*/
#include <stdio.h>
#include <string.h>

#include "codec.h"

/* [-0, +0, e] */
PGV_NORETURN static void expected(lua_State *L, const char *what, int idx) {
  pgv_dataerror(L, "22P02", "expected %s, got %s", what, pgv_describe(L, idx));
}

/* ---- booleans ---- */

static int get_bool(lua_State *L, int idx) {
  if (lua_type(L, idx) == LUA_TSTRING) {
    const char *s = lua_tostring(L, idx);
    if (strcmp(s, "true") == 0 || strcmp(s, "t") == 0) return 1;
    if (strcmp(s, "false") == 0 || strcmp(s, "f") == 0) return 0;
  } else if (lua_type(L, idx) == LUA_TBOOLEAN) {
    return lua_toboolean(L, idx);
  }
  expected(L, "boolean", idx);
}

void pgv_bool_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  char c = (char)get_bool(L, idx);
  (void)dim;
  pgv_buf_add(L, b, &c, 1);
}

void pgv_bool_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  pgv_buf_add(L, b, get_bool(L, idx) ? "t" : "f", 1);
}

/* ---- text ---- */

/* [-0, +0, e] appends a string; the server knows no zero byte in text */
static void add_text(lua_State *L, int idx, pgv_buf *b) {
  size_t n;
  const char *s = lua_tolstring(L, idx, &n);
  if (memchr(s, '\0', n) != NULL)
    pgv_dataerror(L, "22021", "embedded zero byte");
  pgv_buf_add(L, b, s, n);
}

void pgv_text_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  if (lua_type(L, idx) == LUA_TSTRING)
    add_text(L, idx, b);
  else if (lua_type(L, idx) == LUA_TNUMBER)
    pgv_number_print(L, idx, b);
  else
    expected(L, "string", idx);
}

void pgv_json_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  if (lua_type(L, idx) != LUA_TSTRING) expected(L, "JSON text", idx);
  add_text(L, idx, b);
}

void pgv_jsonb_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  pgv_buf_add(L, b, "\1", 1); /* the format's version */
  pgv_json_send(L, idx, dim, b);
}

/* ---- bytes ---- */

void pgv_bytea_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  size_t n;
  const char *s;
  (void)dim;
  if (lua_type(L, idx) != LUA_TSTRING) expected(L, "string", idx);
  s = lua_tolstring(L, idx, &n);
  pgv_buf_add(L, b, s, n);
}

void pgv_bytea_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  static const char hex[] = "0123456789abcdef";
  size_t i, n;
  const char *s;
  char *p;
  (void)dim;
  if (lua_type(L, idx) != LUA_TSTRING) expected(L, "string", idx);
  s = lua_tolstring(L, idx, &n);
  p = pgv_buf_room(L, b, 2 * n + 2);
  *p++ = '\\', *p++ = 'x';
  for (i = 0; i < n; i++) {
    *p++ = hex[(unsigned char)s[i] >> 4];
    *p++ = hex[s[i] & 15];
  }
  b->n += 2 * n + 2;
}

/* ---- UUIDs ---- */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 32);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* [-0, +0, -] 32 digits, with hyphens after any group of four, perhaps in
** braces: what the server accepts */
static int parse_uuid(const char *s, size_t n, char out[16]) {
  size_t i = 0, digits = 0;
  if (n > 1 && s[0] == '{' && s[n - 1] == '}') s++, n -= 2;
  for (; i < n && digits < 32; i++) {
    int v = hex_digit(s[i]);
    if (v < 0) {
      if (s[i] != '-' || digits == 0 || digits % 4 != 0 || s[i - 1] == '-')
        return 0;
      continue;
    }
    if (digits % 2 == 0)
      out[digits / 2] = (char)(v << 4);
    else
      out[digits / 2] = (char)(out[digits / 2] | v);
    digits++;
  }
  return digits == 32 && i == n;
}

void pgv_uuid_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  char bytes[16];
  size_t n;
  const char *s =
      lua_type(L, idx) == LUA_TSTRING ? lua_tolstring(L, idx, &n) : NULL;
  (void)dim;
  if (s == NULL || !parse_uuid(s, n, bytes)) expected(L, "UUID", idx);
  pgv_buf_add(L, b, bytes, sizeof bytes);
}

void pgv_uuid_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  if (lua_type(L, idx) != LUA_TSTRING) expected(L, "UUID", idx);
  add_text(L, idx, b);
}

/* ---- the value types as text ---- */

/*
** Text of whatever the type's constructor accepts: a value of the type has
** it, anything else is made one by way of the binary form.
*/
static void print_value(lua_State *L, int idx, int dim, pgv_buf *b,
                        pgv_writer send, pgv_reader recv) {
  size_t start = b->n, n;
  const char *s;
  send(L, idx, dim, b);
  recv(L, b->p + start, b->n - start);
  b->n = start;
  pgv_value_pushtext(L, lua_gettop(L));
  s = lua_tolstring(L, -1, &n);
  pgv_buf_add(L, b, s, n);
  lua_pop(L, 2);
}

void pgv_vector_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  print_value(L, idx, dim, b, pgv_vector_send, pgv_vector_recv);
}

void pgv_halfvec_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  print_value(L, idx, dim, b, pgv_halfvec_send, pgv_halfvec_recv);
}

void pgv_sparsevec_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  print_value(L, idx, dim, b, pgv_sparsevec_send, pgv_sparsevec_recv);
}

void pgv_bit_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  print_value(L, idx, dim, b, pgv_bit_send, pgv_bit_recv);
}

/* ---- values whose type only the server knows ---- */

void pgv_unknown_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  switch (lua_type(L, idx)) {
  case LUA_TBOOLEAN:
    pgv_buf_add(L, b, lua_toboolean(L, idx) ? "t" : "f", 1);
    break;
  case LUA_TUSERDATA:
    if (pgv_value_type(L, idx) != NULL) {
      size_t n;
      const char *s;
      pgv_value_pushtext(L, idx);
      s = lua_tolstring(L, -1, &n);
      pgv_buf_add(L, b, s, n);
      lua_pop(L, 1);
      break;
    }
    expected(L, "value", idx);
  case LUA_TTABLE:
    pgv_argerror(L,
                 "a table needs a type: wrap it in "
                 "pg.literal(value, type)");
  case LUA_TSTRING:
  case LUA_TNUMBER: pgv_text_send(L, idx, 0, b); break;
  default: expected(L, "value", idx);
  }
}
