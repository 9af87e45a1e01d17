/*
** Numbers as text: the shortest decimal that reads back as the same float,
** which is what the server prints, and the correctly rounded float of a text.
** Neither depends on the locale.
*/
#include "value.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

/*
** {======================================================================
** Printing. R. Giulietti's method ("The Schubfach way to render doubles"):
** the float and the ends of the interval that rounds to it are scaled by one
** power of ten, so that the interval holds at least one and at most ten
** integers; with the last digit dropped it holds one at most.
** =======================================================================
*/

#define POWER_MIN (-31)

/* 10^e from e = POWER_MIN, as 64 bits with the top one set, rounded up */
static const uint64_t powers[] = {
    0x81ceb32c4b43fcf5u, 0xa2425ff75e14fc32u, 0xcad2f7f5359a3b3fu,
    0xfd87b5f28300ca0eu, 0x9e74d1b791e07e49u, 0xc612062576589ddbu,
    0xf79687aed3eec552u, 0x9abe14cd44753b53u, 0xc16d9a0095928a28u,
    0xf1c90080baf72cb2u, 0x971da05074da7befu, 0xbce5086492111aebu,
    0xec1e4a7db69561a6u, 0x9392ee8e921d5d08u, 0xb877aa3236a4b44au,
    0xe69594bec44de15cu, 0x901d7cf73ab0acdau, 0xb424dc35095cd810u,
    0xe12e13424bb40e14u, 0x8cbccc096f5088ccu, 0xafebff0bcb24aaffu,
    0xdbe6fecebdedd5bfu, 0x89705f4136b4a598u, 0xabcc77118461cefdu,
    0xd6bf94d5e57a42bdu, 0x8637bd05af6c69b6u, 0xa7c5ac471b478424u,
    0xd1b71758e219652cu, 0x83126e978d4fdf3cu, 0xa3d70a3d70a3d70bu,
    0xcccccccccccccccdu, 0x8000000000000000u, 0xa000000000000000u,
    0xc800000000000000u, 0xfa00000000000000u, 0x9c40000000000000u,
    0xc350000000000000u, 0xf424000000000000u, 0x9896800000000000u,
    0xbebc200000000000u, 0xee6b280000000000u, 0x9502f90000000000u,
    0xba43b74000000000u, 0xe8d4a51000000000u, 0x9184e72a00000000u,
    0xb5e620f480000000u, 0xe35fa931a0000000u, 0x8e1bc9bf04000000u,
    0xb1a2bc2ec5000000u, 0xde0b6b3a76400000u, 0x8ac7230489e80000u,
    0xad78ebc5ac620000u, 0xd8d726b7177a8000u, 0x878678326eac9000u,
    0xa968163f0a57b400u, 0xd3c21bcecceda100u, 0x84595161401484a0u,
    0xa56fa5b99019a5c8u, 0xcecb8f27f4200f3au, 0x813f3978f8940985u,
    0xa18f07d736b90be6u, 0xc9f2c9cd04674edfu, 0xfc6f7c4045812297u,
    0x9dc5ada82b70b59eu, 0xc5371912364ce306u, 0xf684df56c3e01bc7u,
    0x9a130b963a6c115du, 0xc097ce7bc90715b4u, 0xf0bdc21abb48db21u,
    0x96769950b50d88f5u, 0xbc143fa4e250eb32u, 0xeb194f8e1ae525feu,
    0x92efd1b8d0cf37bfu, 0xb7abc627050305aeu, 0xe596b7b0c643c71au,
    0x8f7e32ce7bea5c70u, 0xb35dbf821ae4f38cu,
};

/* the upper 32 bits of the 96-bit product; lowest bit set if inexact */
static uint32_t scale(uint64_t power, uint32_t x) {
  uint64_t low = (power & 0xffffffffu) * x;
  uint64_t sum = (power >> 32) * x + (low >> 32);
  return (uint32_t)(sum >> 32) | ((sum & 0xffffffffu) > 1);
}

/* digits * 10^*exponent for the finite positive float with these bits */
static uint32_t shortest(uint32_t bits, int *exponent) {
  uint32_t fraction = bits & 0x7fffffu;
  int e = (int)(bits >> 23);
  uint32_t c = e > 0 ? fraction | 0x800000u : fraction;
  int q = e > 0 ? e - 150 : -149; /* the float is c * 2^q */
  /* below a power of two the neighbour is only half as far away */
  int uneven = fraction == 0 && e > 1;
  int k = (q * 1262611 - (uneven ? 524031 : 0)) >> 22; /* log10(width) */
  int shift = q + (-k * 1741647 >> 19) + 1;
  uint64_t power = powers[-k - POWER_MIN];
  /* all times four; the ends themselves do not belong to the interval */
  uint32_t low = scale(power, (4 * c - (uneven ? 1 : 2)) << shift) + 1;
  uint32_t value = scale(power, (4 * c) << shift);
  uint32_t high = scale(power, (4 * c + 2) << shift) - 1;
  uint32_t s = value / 4, t = s / 10;
  int below, above;
  if (s >= 10) { /* with one digit less? */
    below = low <= 40 * t;
    above = 40 * t + 40 <= high;
    if (below != above) {
      *exponent = k + 1;
      return t + (uint32_t)above;
    }
  }
  *exponent = k;
  below = low <= 4 * s;
  above = 4 * s + 4 <= high;
  if (below != above) return s + (uint32_t)above;
  /* both or none: the nearer one, and of two equally near ones the even */
  return s + (value > 4 * s + 2 || (value == 4 * s + 2 && (s & 1)));
}

int pgv_print_float(char *out, float f) {
  char digit[10];
  char *p = out;
  uint32_t bits = pgv_float_bits(f), v;
  int n = 0, exponent, i;
  if (bits >> 31) *p++ = '-';
  bits &= 0x7fffffffu;
  if (bits == 0) {
    *p++ = '0';
    return (int)(p - out);
  }
  v = shortest(bits, &exponent);
  while (v % 10 == 0) {
    v /= 10;
    exponent++;
  }
  for (; v > 0; v /= 10) digit[n++] = (char)('0' + v % 10); /* last one first */
  exponent += n - 1; /* now that of the first digit */
  if (exponent < -4 || exponent >= 6) {
    *p++ = digit[--n];
    if (n > 0) *p++ = '.';
    while (n > 0) *p++ = digit[--n];
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    exponent = abs(exponent);
    *p++ = (char)('0' + exponent / 10);
    *p++ = (char)('0' + exponent % 10);
  } else if (exponent < 0) {
    *p++ = '0';
    *p++ = '.';
    for (i = -1; i > exponent; i--) *p++ = '0';
    while (n > 0) *p++ = digit[--n];
  } else {
    for (i = exponent; i >= 0; i--) *p++ = n > 0 ? digit[--n] : '0';
    if (n > 0) *p++ = '.';
    while (n > 0) *p++ = digit[--n];
  }
  return (int)(p - out);
}

int pgv_print_int(char *out, int32_t v) {
  char digit[10];
  int n = 0, i;
  for (; v > 9; v /= 10) digit[n++] = (char)('0' + v % 10);
  digit[n++] = (char)('0' + v);
  for (i = 0; i < n; i++) out[i] = digit[n - 1 - i];
  return n;
}

/* }====================================================================== */

/*
** {======================================================================
** Reading
** =======================================================================
*/

static const double tens[] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
    1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29,
    1e30, 1e31, 1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39,
    1e40, 1e41, 1e42, 1e43, 1e44, 1e45, 1e46, 1e47, 1e48, 1e49,
    1e50, 1e51, 1e52, 1e53, 1e54, 1e55, 1e56, 1e57, 1e58, 1e59,
    1e60, 1e61, 1e62, 1e63, 1e64, 1e65, 1e66, 1e67, 1e68, 1e69,
};
#define TENS ((int)(sizeof tens / sizeof tens[0]))

static int is_digit(int c) { return c >= '0' && c <= '9'; }

/* the value of a hexadecimal digit, or -1 */
static int hex_digit(int c) {
  if (is_digit(c)) return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* does the text go on with this (lower case) word? */
static int has_word(const char *p, const char *end, const char *word) {
  for (; *word != '\0'; p++, word++)
    if (p == end || (*p | 0x20) != *word) return 0;
  return 1;
}

/* reads `e` or `p`, sign and digits, if all are there */
static const char *scan_exponent(const char *p, const char *end, char letter,
                                 int *exponent) {
  const char *q = p;
  int negative = 0, e = 0;
  if (q == end || (*q++ | 0x20) != letter) return p;
  if (q < end && (*q == '+' || *q == '-')) negative = *q++ == '-';
  if (q == end || !is_digit(*q)) return p;
  for (; q < end && is_digit(*q); q++)
    if (e < 100000) e = 10 * e + (*q - '0');
  *exponent += negative ? -e : e;
  return q;
}

/*
** What the C library makes of the digits and the point in p..end. It gets
** them without a point, which the locale could read otherwise, and without
** more digits than can matter: a float's halfway points have 112 at most, so
** behind those it is enough to know whether anything follows.
*/
static float exact_float(const char *p, const char *end, int exponent,
                         int hex) {
  enum { LIMIT = 120 };
  char text[LIMIT + 32];
  int n = 0, point = 0, more = 0;
  if (hex) text[n++] = '0', text[n++] = 'x';
  for (; p < end; p++) {
    if (*p == '.') {
      point = 1;
    } else if (n >= LIMIT) {
      more |= *p != '0';
      if (!point) exponent += hex ? 4 : 1;
    } else {
      if (n > 2 * hex || *p != '0') text[n++] = *p;
      if (point) exponent -= hex ? 4 : 1;
    }
  }
  if (more) {
    text[n++] = '1';
    exponent -= hex ? 4 : 1;
  }
  if (n == 2 * hex) return 0.0f;
  sprintf(text + n, "%c%d", hex ? 'p' : 'e', exponent);
  return strtof(text, NULL);
}

/*
** The float nearest to m * 10^e for 0 < m < 10^19, if that can be told from
** doubles: m, the power of ten and the operation each add at most half a unit
** of the double's last place (and digits behind the 19th less), so only near
** the middle of two floats is there any doubt.
*/
static int quick_float(uint64_t m, int e, float *f) {
  double d;
  uint64_t bits;
  int64_t off;
  if (e <= -TENS || e >= TENS) return 0;
  d = e < 0 ? (double)m / tens[-e] : (double)m * tens[e];
  if (d < 1.2e-38 || d > 3.4e38) return 0; /* subnormal or too large a float */
  memcpy(&bits, &d, sizeof bits);
  off = (int64_t)(bits & 0x1fffffff) - 0x10000000;
  if (off >= -8 && off <= 8) return 0;
  *f = (float)d;
  return 1;
}

typedef struct mantissa {
  uint64_t m;  /* the first 19 digits: more would not fit, and do not matter */
  int digits;  /* of m */
  int dropped; /* behind those */
  int read;    /* all of them */
} mantissa;

static const char *scan_digits(const char *p, const char *end, int hex,
                               mantissa *v) {
  const char *start = p;
  for (; p < end; p++) {
    int d = is_digit(*p) ? *p - '0' : hex ? hex_digit(*p) : -1;
    if (d < 0) break;
    if (v->digits < 19) {
      v->m = 10 * v->m + (uint64_t)d; /* in hex, only its being 0 counts */
      v->digits += v->m != 0;
    } else {
      v->dropped++;
    }
  }
  v->read += (int)(p - start);
  return p;
}

/* the words that are numbers; returns their end, or p */
static const char *scan_word(const char *p, const char *end, float *f) {
  if (has_word(p, end, "nan")) {
    *f = NAN;
    return p + 3;
  }
  if (!has_word(p, end, "inf")) return p;
  *f = INFINITY;
  return p + (has_word(p, end, "infinity") ? 8 : 3);
}

/* is this 0x and a digit? */
static int is_hex(const char *p, const char *end) {
  if (!has_word(p, end, "0x")) return 0;
  p += 2;
  if (p < end && *p == '.') p++;
  return p < end && hex_digit(*p) >= 0;
}

const char *pgv_scan_float(const char *p, const char *end, float *f,
                           pgv_range *range) {
  const char *start = p, *digits, *behind;
  int negative = 0, hex = 0, point = 0, exponent = 0;
  mantissa v = {0, 0, 0, 0};
  *range = PGV_IN_RANGE;
  if (p < end && (*p == '+' || *p == '-')) negative = *p++ == '-';
  if (p < end && *p == '0') hex = is_hex(p, end);
  digits = p += 2 * hex;
  p = scan_digits(p, end, hex, &v);
  if (p < end && *p == '.') {
    point = v.read;
    p = scan_digits(p + 1, end, hex, &v);
    point -= v.read; /* minus the digits behind the point */
  }
  behind = p;
  if (v.read == 0) {
    p = scan_word(digits, end, f);
    if (p == digits) return start;
  } else {
    p = scan_exponent(p, end, hex ? 'p' : 'e', &exponent);
    if (v.m == 0) {
      *f = 0.0f;
    } else if (hex || !quick_float(v.m, exponent + point + v.dropped, f)) {
      *f = exact_float(digits, behind, exponent, hex);
      if (*f == 0.0f) *range = PGV_UNDERFLOW;
      if (isinf(*f)) *range = PGV_OVERFLOW;
    }
  }
  if (negative) *f = -*f;
  return p;
}

const char *pgv_scan_int(const char *p, const char *end, int32_t *v) {
  const char *start = p;
  int negative = 0;
  int64_t n = 0;
  if (p < end && (*p == '+' || *p == '-')) negative = *p++ == '-';
  if (p == end || !is_digit(*p)) return start;
  for (; p < end && is_digit(*p); p++)
    if (n <= INT32_MAX) n = 10 * n + (*p - '0');
  if (n > INT32_MAX) n = INT32_MAX;
  *v = (int32_t)(negative ? -n : n);
  return p;
}

const char *pgv_skip_space(const char *p, const char *end) {
  while (p < end && (*p == ' ' || (*p >= '\t' && *p <= '\r'))) p++;
  return p;
}

/* }====================================================================== */

void pgv_check_text(lua_State *L, size_t n) {
  if (n >= (size_t)1 << 30)
    pgv_dataerror(L, "54000", "text of %lu bytes is too long",
                  (unsigned long)n);
}

/* as much of a text as fits a message, cut between characters */
static int shown(const char *s, size_t n) {
  enum { LIMIT = 200 };
  if (n <= LIMIT) return (int)n;
  n = LIMIT;
  while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80) n--;
  return (int)n;
}

void pgv_syntax_error(lua_State *L, const char *type, const char *s, size_t n,
                      const char *detail) {
  int length = shown(s, n);
  pgv_raise_detail(L, "DataError", "22P02", detail,
                   "invalid input syntax for type %s: \"%.*s%s\"", type, length,
                   s, (size_t)length < n ? "..." : "");
}

void pgv_range_error(lua_State *L, const char *type, const char *s, size_t n) {
  int length = shown(s, n);
  pgv_dataerror(L, "22003", "\"%.*s%s\" is out of range for type %s", length, s,
                (size_t)length < n ? "..." : "", type);
}

void pgv_number_range_error(lua_State *L, const char *type, double d) {
  char text[PGV_FLOAT_TEXT];
  float f = (float)d;
  const char *s;
  size_t n;
  if (fabsf(f) <= FLT_MAX && f != 0.0f) {
    n = (size_t)pgv_print_float(text, f);
    pgv_range_error(L, type, text, n);
  }
  lua_pushnumber(L, d);
  s = lua_tolstring(L, -1, &n);
  pgv_range_error(L, type, s, n);
}

void pgv_not_finite_error(lua_State *L, const char *type, double d) {
  if (isnan(d)) pgv_dataerror(L, "22000", "NaN not allowed in %s", type);
  pgv_dataerror(L, "22000", "infinite value not allowed in %s", type);
}

void pgv_arithmetic_error(lua_State *L, const char *what) {
  pgv_dataerror(L, "22003", "value out of range: %s", what);
}
