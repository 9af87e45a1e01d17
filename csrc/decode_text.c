/*
** Text, bytes, booleans, UUIDs, JSON and network addresses from the server.
*/
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "codec.h"

void pgv_bool_recv(lua_State *L, const char *p, size_t n) {
  if (n != 1) pgv_malformed(L, "boolean");
  lua_pushboolean(L, p[0] != 0);
}

void pgv_bool_parse(lua_State *L, const char *p, size_t n) {
  if (n != 1 || (p[0] != 't' && p[0] != 'f')) pgv_malformed(L, "boolean");
  lua_pushboolean(L, p[0] == 't');
}

void pgv_text_recv(lua_State *L, const char *p, size_t n) {
  lua_pushlstring(L, p, n);
}

void pgv_jsonb_recv(lua_State *L, const char *p, size_t n) {
  if (n < 1 || p[0] != 1) pgv_malformed(L, "jsonb");
  lua_pushlstring(L, p + 1, n - 1);
}

/* ---- bytes ---- */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 32);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* [-0, +0, -] \x0123…; the length or -1 */
static long parse_hex(const char *p, size_t n, char *out) {
  size_t i;
  if (n % 2 != 0) return -1;
  for (i = 2; i < n; i += 2) {
    int high = hex_digit(p[i]), low = hex_digit(p[i + 1]);
    if (high < 0 || low < 0) return -1;
    *out++ = (char)(high << 4 | low);
  }
  return (long)(n / 2 - 1);
}

/* [-0, +0, -] bytea_output = escape: \\ and \ooo; the length or -1 */
static long parse_escape(const char *p, size_t n, char *out) {
  const char *start = out, *end = p + n;
  while (p < end) {
    if (*p != '\\') {
      *out++ = *p++;
    } else if (end - p >= 2 && p[1] == '\\') {
      *out++ = '\\';
      p += 2;
    } else if (end - p >= 4 && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' &&
               p[2] <= '7' && p[3] >= '0' && p[3] <= '7') {
      *out++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
      p += 4;
    } else {
      return -1;
    }
  }
  return (long)(out - start);
}

void pgv_bytea_parse(lua_State *L, const char *p, size_t n) {
  int hex = n >= 2 && p[0] == '\\' && p[1] == 'x';
  char *out = (char *)lua_newuserdatauv(L, n + 1, 0);
  long length = hex ? parse_hex(p, n, out) : parse_escape(p, n, out);
  if (length < 0) pgv_malformed(L, "bytea");
  lua_pushlstring(L, out, (size_t)length);
  lua_remove(L, -2);
}

/* ---- UUIDs ---- */

void pgv_uuid_recv(lua_State *L, const char *p, size_t n) {
  static const char hex[] = "0123456789abcdef";
  char text[36], *out = text;
  size_t i;
  if (n != 16) pgv_malformed(L, "uuid");
  for (i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = hex[(unsigned char)p[i] >> 4];
    *out++ = hex[p[i] & 15];
  }
  lua_pushlstring(L, text, sizeof text);
}

/* ---- network addresses ---- */

#define PGSQL_AF_INET 2
#define PGSQL_AF_INET6 3

/* family, bits, is it a cidr?, size, address */
void pgv_inet_recv(lua_State *L, const char *p, size_t n) {
  char text[64];
  unsigned char address[16];
  int v6, bits;
  if (n < 4) pgv_malformed(L, "inet");
  v6 = p[0] == PGSQL_AF_INET6;
  bits = (unsigned char)p[1];
  if ((!v6 && p[0] != PGSQL_AF_INET) || p[3] != (v6 ? 16 : 4) ||
      n != 4 + (size_t)p[3] || bits > (v6 ? 128 : 32))
    pgv_malformed(L, "inet");
  memcpy(address, p + 4, n - 4);
  if (inet_ntop(v6 ? AF_INET6 : AF_INET, address, text, sizeof text) == NULL)
    pgv_malformed(L, "inet");
  if (p[2] || bits != (v6 ? 128 : 32))
    sprintf(text + strlen(text), "/%d", bits);
  lua_pushstring(L, text);
}

void pgv_macaddr_recv(lua_State *L, const char *p, size_t n) {
  char text[24];
  size_t i;
  if (n != 6 && n != 8) pgv_malformed(L, "macaddr");
  for (i = 0; i < n; i++)
    sprintf(text + 3 * i, i + 1 < n ? "%02x:" : "%02x",
            (unsigned)(unsigned char)p[i]);
  lua_pushstring(L, text);
}
