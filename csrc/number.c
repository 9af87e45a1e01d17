/*
** Numbers and text. PostgreSQL's numbers have a point whatever the locale of
** this process says, and a double goes out with as many digits as it needs.
*/
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pq.h"

int pgv_double_text(char *out, double v) {
  int n, digits;
  char *p;
  if (v != v) return sprintf(out, "NaN");
  if (v - v != 0) return sprintf(out, v > 0 ? "Infinity" : "-Infinity");
  if (v == floor(v) && fabs(v) < 0x1p63) return sprintf(out, "%.0f", v);
  for (digits = 15; digits <= 17; digits++) {
    n = sprintf(out, "%.*g", digits, v);
    if (strtod(out, NULL) == v) break;
  }
  for (p = out; *p != '\0'; p++) /* the locale's decimal point */
    if (strchr("+-.0123456789e", *p) == NULL) *p = '.';
  return n;
}

/* [-0, +0, -] the length of [+-]digits[.digits][e[+-]digits] at p, or 0 */
static size_t scan_number(const char *p, size_t n, size_t *point) {
  size_t i = 0, digits = 0;
  *point = n;
  if (i < n && (p[i] == '-' || p[i] == '+')) i++;
  for (; i < n && p[i] >= '0' && p[i] <= '9'; i++) digits++;
  if (i < n && p[i] == '.') {
    *point = i++;
    for (; i < n && p[i] >= '0' && p[i] <= '9'; i++) digits++;
  }
  if (digits == 0) return 0;
  if (i < n && (p[i] == 'e' || p[i] == 'E')) {
    size_t e = i + 1;
    if (e < n && (p[e] == '-' || p[e] == '+')) e++;
    if (e == n || p[e] < '0' || p[e] > '9') return 0;
    for (i = e; i < n && p[i] >= '0' && p[i] <= '9';) i++;
  }
  return i;
}

int pgv_text_double(lua_State *L, const char *p, size_t n, double *out) {
  char small[64], *copy = small;
  size_t point;
  if (n == 3 && memcmp(p, "NaN", 3) == 0) return *out = NAN, 1;
  if (n == 8 && memcmp(p, "Infinity", 8) == 0) return *out = HUGE_VAL, 1;
  if (n == 9 && memcmp(p, "-Infinity", 9) == 0) return *out = -HUGE_VAL, 1;
  if (scan_number(p, n, &point) != n) return 0;
  if (n >= sizeof small) copy = (char *)lua_newuserdatauv(L, n + 1, 0);
  memcpy(copy, p, n);
  copy[n] = '\0';
  if (point < n) copy[point] = *localeconv()->decimal_point;
  *out = strtod(copy, NULL);
  if (copy != small) lua_pop(L, 1);
  return 1;
}

int pgv_text_int64(const char *p, size_t n, int64_t *out) {
  uint64_t v = 0, limit = INT64_MAX;
  size_t i = 0;
  int negative = n > 0 && p[0] == '-';
  if (n > 0 && (p[0] == '-' || p[0] == '+')) i++;
  if (i == n) return 0;
  limit += (uint64_t)negative;
  for (; i < n; i++) {
    unsigned digit = (unsigned)(unsigned char)p[i] - '0';
    if (digit > 9) return 0;
    if (v > (limit - digit) / 10) {
      while (++i < n)
        if (p[i] < '0' || p[i] > '9') return 0;
      return -1;
    }
    v = v * 10 + digit;
  }
  *out = negative ? (int64_t)(0 - v) : (int64_t)v;
  return 1;
}
