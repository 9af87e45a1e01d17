/*
** Byte order and half floats, for any host. Loads and stores go through
** memcpy, so the addresses need no alignment.
*/
#ifndef PGV_BYTES_H
#define PGV_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t pgv_get16(const void *p) {
  const unsigned char *b = (const unsigned char *)p;
  return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t pgv_get32(const void *p) {
  const unsigned char *b = (const unsigned char *)p;
  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
         b[3];
}

static inline uint64_t pgv_get64(const void *p) {
  return (uint64_t)pgv_get32(p) << 32 | pgv_get32((const char *)p + 4);
}

static inline void pgv_put16(void *p, uint16_t v) {
  unsigned char *b = (unsigned char *)p;
  b[0] = (unsigned char)(v >> 8);
  b[1] = (unsigned char)v;
}

static inline void pgv_put32(void *p, uint32_t v) {
  unsigned char *b = (unsigned char *)p;
  b[0] = (unsigned char)(v >> 24);
  b[1] = (unsigned char)(v >> 16);
  b[2] = (unsigned char)(v >> 8);
  b[3] = (unsigned char)v;
}

static inline void pgv_put64(void *p, uint64_t v) {
  pgv_put32(p, (uint32_t)(v >> 32));
  pgv_put32((char *)p + 4, (uint32_t)v);
}

static inline uint32_t pgv_float_bits(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  return u;
}

static inline float pgv_bits_float(uint32_t u) {
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}

/*
** binary16 to binary32: exponent and mantissa move into place, and one
** multiplication repairs the exponent's bias, for subnormals as well.
** No branches, so that loops over it become vector code.
*/
static inline float pgv_half_float(uint16_t h) {
  const float bias = 5.192296858534828e33f; /* 2^112 */
  uint32_t u = pgv_float_bits(pgv_bits_float((h & 0x7fffu) << 13) * bias);
  u |= (h & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u; /* infinity, NaN */
  return pgv_bits_float(u | (h & 0x8000u) << 16);
}

/* binary32 to binary16, to nearest, ties to even; too large is infinity */
static inline uint16_t pgv_float_half(float f) {
  uint32_t u = pgv_float_bits(f), sign = u >> 16 & 0x8000u;
  u &= 0x7fffffffu;
  if (u > 0x7f800000u) {
    u = 0x7e00u; /* NaN */
  } else if (u >= 0x47800000u) {
    u = 0x7c00u; /* 2^16 and above */
  } else if (u < 0x38800000u) {
    /* subnormal half: adding 0.5 makes the hardware round at 2^-24 */
    u = pgv_float_bits(pgv_bits_float(u) + 0.5f) - 0x3f000000u;
  } else {
    u = (u - 0x38000000u + 0xfffu + (u >> 13 & 1u)) >> 13;
  }
  return (uint16_t)(u | sign);
}

#endif
