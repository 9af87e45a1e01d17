/*
** The kernels for x86 with AVX2 or AVX-512, and whether they can be used.
** Intrinsics say how elements become doubles; the loops are kernel.inc's.
*/
#include "kernel.h"

#if PGV_X86

#include <cpuid.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX512                                                                \
  __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,f16c")))

/* four halves as floats */
AVX2 static inline __m128 load4(const uint16_t *p) {
  __m128i h = _mm_setzero_si128();
  memcpy(&h, p, 4 * sizeof *p);
  return _mm_cvtph_ps(h);
}

/* eight halves as floats */
AVX512 static inline __m256 load8(const uint16_t *p) {
  __m128i h;
  memcpy(&h, p, 8 * sizeof *p);
  return _mm256_cvtph_ps(h);
}

AVX2 static inline __m256d abs4(__m256d x) {
  return _mm256_andnot_pd(_mm256_set1_pd(-0.0), x);
}

#define KERNEL(name) avx2_vector_##name
#define TARGET AVX2
#define T float
#define V __m256d
#define W 4
#define WIDEN(p) _mm256_cvtps_pd(_mm_loadu_ps(p))
#define DIFF(p, q)                                                            \
  _mm256_cvtps_pd(_mm_sub_ps(_mm_loadu_ps(p), _mm_loadu_ps(q)))
#define ABSDIFF(p, q) abs4(DIFF(p, q))
#define ZERO _mm256_setzero_pd()
#define ADD(x, y) _mm256_add_pd(x, y)
#define MULADD(x, y, s) _mm256_fmadd_pd(x, y, s)
#define ALL(STEP) STEP(0) STEP(1) STEP(2) STEP(3)
#include "kernel.inc"

#define KERNEL(name) avx2_halfvec_##name
#define TARGET AVX2
#define T uint16_t
#define V __m256d
#define W 4
#define WIDEN(p) _mm256_cvtps_pd(load4(p))
#define DIFF(p, q) _mm256_cvtps_pd(_mm_sub_ps(load4(p), load4(q)))
#define ABSDIFF(p, q) abs4(DIFF(p, q))
#define ZERO _mm256_setzero_pd()
#define ADD(x, y) _mm256_add_pd(x, y)
#define MULADD(x, y, s) _mm256_fmadd_pd(x, y, s)
#define ALL(STEP) STEP(0) STEP(1) STEP(2) STEP(3)
#include "kernel.inc"

#define KERNEL(name) avx512_vector_##name
#define TARGET AVX512
#define T float
#define V __m512d
#define W 8
#define WIDEN(p) _mm512_cvtps_pd(_mm256_loadu_ps(p))
#define DIFF(p, q)                                                            \
  _mm512_cvtps_pd(_mm256_sub_ps(_mm256_loadu_ps(p), _mm256_loadu_ps(q)))
#define ABSDIFF(p, q) _mm512_abs_pd(DIFF(p, q))
#define ZERO _mm512_setzero_pd()
#define ADD(x, y) _mm512_add_pd(x, y)
#define MULADD(x, y, s) _mm512_fmadd_pd(x, y, s)
#define ALL(STEP) STEP(0) STEP(1)
#include "kernel.inc"

#define KERNEL(name) avx512_halfvec_##name
#define TARGET AVX512
#define T uint16_t
#define V __m512d
#define W 8
#define WIDEN(p) _mm512_cvtps_pd(load8(p))
#define DIFF(p, q) _mm512_cvtps_pd(_mm256_sub_ps(load8(p), load8(q)))
#define ABSDIFF(p, q) _mm512_abs_pd(DIFF(p, q))
#define ZERO _mm512_setzero_pd()
#define ADD(x, y) _mm512_add_pd(x, y)
#define MULADD(x, y, s) _mm512_fmadd_pd(x, y, s)
#define ALL(STEP) STEP(0) STEP(1)
#include "kernel.inc"

#define KERNEL(name) popcnt_##name
#define TARGET __attribute__((target("popcnt")))
#define ONES(x) __builtin_popcountll(x)
#include "kernel_bit.inc"

#define KERNEL(name) vpopcntdq_##name
#define TARGET                                                                \
  __attribute__((target("avx512f,avx512vl,avx512vpopcntdq,popcnt")))
#define ONES(x) __builtin_popcountll(x)
#include "kernel_bit.inc"

#define HAS(feature) (__builtin_cpu_supports(feature) != 0)

/* F16C has no name that every compiler's __builtin_cpu_supports knows. It
** works on AVX's registers, for which the caller has asked. */
static int has_f16c(void) {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

void pgv_kernels_x86(pgv_kernels *k, const char *limit) {
  static const pgv_vector_kernels avx2 = PGV_DENSE_KERNELS(avx2_vector);
  /* Zen 4 makes eight doubles of floats no faster than twice four, and has
  ** less to do then; others that wait for memory do not mind. */
  static const pgv_vector_kernels avx512 = {avx512_vector_l2, avx2_vector_ip,
                                            avx2_vector_cosine,
                                            avx512_vector_l1, avx2_vector_norm};
  static const pgv_halfvec_kernels avx2h = PGV_DENSE_KERNELS(avx2_halfvec);
  static const pgv_halfvec_kernels avx512h = PGV_DENSE_KERNELS(avx512_halfvec);
  static const pgv_bit_kernels popcnt = PGV_BIT_KERNELS(popcnt);
  static const pgv_bit_kernels vpopcntdq = PGV_BIT_KERNELS(vpopcntdq);
  if (strcmp(limit, "base") == 0) return;
  __builtin_cpu_init();
  if (HAS("popcnt")) k->bit = popcnt;
  if (!HAS("avx2") || !HAS("fma") || !has_f16c()) return;
  k->isa = "avx2";
  k->vector = avx2;
  k->halfvec = avx2h;
  if (strcmp(limit, "avx2") == 0) return;
  if (!HAS("avx512f") || !HAS("avx512dq") || !HAS("avx512vl") ||
      !HAS("avx512bw"))
    return;
  k->isa = "avx512";
  k->vector = avx512;
  k->halfvec = avx512h;
  if (HAS("avx512vpopcntdq")) k->bit = vpopcntdq;
}

#else

typedef int pgv_x86_not_empty; /* C99 wants a declaration in every file */

#endif
