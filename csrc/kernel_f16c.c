/*
** Half vectors on AVX2 with F16C. The lanes and their order are kernel.inc's:
** lanes 0 to 3 in one register, 4 to 7 in the next, and so on.
*/
#include "kernel.h"

#if PGV_X86

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,f16c,fma")))
#define LANES 16

/* eight halves as floats */
TARGET static inline __m256 load8(const uint16_t *p) {
  __m128i h;
  memcpy(&h, p, sizeof h);
  return _mm256_cvtph_ps(h);
}

/* sixteen elements, zeros behind the n-th */
TARGET static inline void pad(uint16_t *to, const uint16_t *p, int n) {
  memset(to, 0, LANES * sizeof *to);
  memcpy(to, p, (size_t)n * sizeof *to);
}

TARGET static inline __m256d low(__m256 f) {
  return _mm256_cvtps_pd(_mm256_castps256_ps128(f));
}

TARGET static inline __m256d high(__m256 f) {
  return _mm256_cvtps_pd(_mm256_extractf128_ps(f, 1));
}

TARGET static inline double fold(const __m256d *s) {
  __m256d t = _mm256_add_pd(_mm256_add_pd(s[0], s[2]),
                            _mm256_add_pd(s[1], s[3]));
  __m128d u = _mm_add_pd(_mm256_castpd256_pd128(t),
                         _mm256_extractf128_pd(t, 1));
  return _mm_cvtsd_f64(u) + _mm_cvtsd_f64(_mm_unpackhi_pd(u, u));
}

/* the sum as the float that the server would hold */
TARGET static inline double as_float(const __m256d *s) {
  return (double)(float)fold(s);
}

#define CLEAR(s) s[0] = s[1] = s[2] = s[3] = _mm256_setzero_pd()

/*
** STEP(h) with x and y, eight floats each, for both halves h of every block
** of sixteen; the last block is padded with zeros, which add nothing.
*/
#define EACH(STEP)                                                            \
  {                                                                           \
    uint16_t pa[LANES], pb[LANES];                                            \
    int i;                                                                    \
    for (i = 0; i < n; i += LANES) {                                          \
      const uint16_t *p = a + i, *q = b + i;                                  \
      __m256 x, y;                                                            \
      if (n - i < LANES) {                                                    \
        pad(pa, p, n - i);                                                    \
        pad(pb, q, n - i);                                                    \
        p = pa;                                                               \
        q = pb;                                                               \
      }                                                                       \
      x = load8(p), y = load8(q);                                             \
      STEP(0)                                                                 \
      x = load8(p + 8), y = load8(q + 8);                                     \
      STEP(1)                                                                 \
    }                                                                         \
  }

#define KERNEL(name)                                                          \
  TARGET static double name(const uint16_t *a, const uint16_t *b, int n)

KERNEL(l2) {
  __m256d s[4];
  CLEAR(s);
#define STEP(h)                                                               \
  x = _mm256_sub_ps(x, y);                                                    \
  s[2 * h] = _mm256_fmadd_pd(low(x), low(x), s[2 * h]);                       \
  s[2 * h + 1] = _mm256_fmadd_pd(high(x), high(x), s[2 * h + 1]);
  EACH(STEP)
#undef STEP
  return sqrt(as_float(s));
}

KERNEL(ip) {
  __m256d s[4];
  CLEAR(s);
#define STEP(h)                                                               \
  s[2 * h] = _mm256_fmadd_pd(low(x), low(y), s[2 * h]);                       \
  s[2 * h + 1] = _mm256_fmadd_pd(high(x), high(y), s[2 * h + 1]);
  EACH(STEP)
#undef STEP
  return as_float(s);
}

KERNEL(cosine) {
  __m256d ab[4], aa[4], bb[4];
  CLEAR(ab);
  CLEAR(aa);
  CLEAR(bb);
#define PART(k, part)                                                         \
  {                                                                           \
    __m256d u = part(x), v = part(y);                                         \
    ab[k] = _mm256_fmadd_pd(u, v, ab[k]);                                     \
    aa[k] = _mm256_fmadd_pd(u, u, aa[k]);                                     \
    bb[k] = _mm256_fmadd_pd(v, v, bb[k]);                                     \
  }
#define STEP(h) PART(2 * h, low) PART(2 * h + 1, high)
  EACH(STEP)
#undef STEP
#undef PART
  return pgv_cosine(as_float(ab), as_float(aa), as_float(bb));
}

KERNEL(l1) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256d s[4];
  CLEAR(s);
#define STEP(h)                                                               \
  x = _mm256_andnot_ps(sign, _mm256_sub_ps(x, y));                            \
  s[2 * h] = _mm256_add_pd(s[2 * h], low(x));                                 \
  s[2 * h + 1] = _mm256_add_pd(s[2 * h + 1], high(x));
  EACH(STEP)
#undef STEP
  return as_float(s);
}

TARGET static double norm(const uint16_t *a, int n) {
  const uint16_t *b = a;
  __m256d s[4];
  CLEAR(s);
#define STEP(h)                                                               \
  s[2 * h] = _mm256_fmadd_pd(low(x), low(y), s[2 * h]);                       \
  s[2 * h + 1] = _mm256_fmadd_pd(high(x), high(y), s[2 * h + 1]);
  EACH(STEP)
#undef STEP
  return sqrt(fold(s));
}

const pgv_halfvec_kernels pgv_halfvec_f16c = {l2, ip, cosine, l1, norm};

#else

typedef int pgv_f16c_not_empty; /* C99 wants a declaration in every file */

#endif
