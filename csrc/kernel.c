/*
** The tables of kernels and the choice between them.
*/
#include "kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

double pgv_cosine(double ab, double aa, double bb) {
  double similarity = ab / sqrt(aa * bb);
  if (similarity > 1.0) similarity = 1.0;
  if (similarity < -1.0) similarity = -1.0;
  return 1.0 - similarity; /* NaN stays: a zero vector has no direction */
}

/* ones in x, by adding neighbouring groups of 1, 2, 4 and then 8 bits */
static inline int ones(uint64_t x) {
  x -= x >> 1 & UINT64_C(0x5555555555555555);
  x = (x & UINT64_C(0x3333333333333333)) +
      (x >> 2 & UINT64_C(0x3333333333333333));
  x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
  return (int)(x * UINT64_C(0x0101010101010101) >> 56);
}

#define FUNCTIONS(name)                                                       \
  { name##_l2, name##_ip, name##_cosine, name##_l1, name##_norm }
#define COUNTS(name) { name##_differing, name##_both }

#define KERNEL(name) base_vector_##name
#define TARGET
#define T float
#define LOAD(x) (x)
#define MULADD(x, y, s) ((x) * (y) + (s))
#include "kernel.inc"

#define KERNEL(name) base_halfvec_##name
#define TARGET
#define T uint16_t
#define LOAD(x) pgv_half_float(x)
#define MULADD(x, y, s) ((x) * (y) + (s))
#include "kernel.inc"

#define KERNEL(name) base_##name
#define TARGET
#define ONES(x) ones(x)
#include "kernel_bit.inc"

static const pgv_kernels base = {"base", FUNCTIONS(base_vector),
                                 FUNCTIONS(base_halfvec), COUNTS(base)};

const pgv_kernels *pgv_kernel = &base;

#if PGV_X86

#include <cpuid.h>

#define KERNEL(name) avx2_##name
#define TARGET __attribute__((target("avx2,fma")))
#define T float
#define LOAD(x) (x)
#define MULADD(x, y, s) __builtin_fma(x, y, s)
#include "kernel.inc"

#define KERNEL(name) avx512_##name
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma")))
#define T float
#define LOAD(x) (x)
#define MULADD(x, y, s) __builtin_fma(x, y, s)
#include "kernel.inc"

#define KERNEL(name) popcnt_##name
#define TARGET __attribute__((target("popcnt")))
#define ONES(x) __builtin_popcountll(x)
#include "kernel_bit.inc"

#define KERNEL(name) vpopcntdq_##name
#define TARGET __attribute__((target("avx512f,avx512vl,avx512vpopcntdq,popcnt")))
#define ONES(x) __builtin_popcountll(x)
#include "kernel_bit.inc"

#define HAS(feature) (__builtin_cpu_supports(feature) != 0)

/* F16C has no name that every compiler's __builtin_cpu_supports knows. It
** works on AVX's registers, for which the caller has asked. */
static int has_f16c(void) {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

/*
** The library's loader runs this once, before anybody can call anything.
** PGVECTOR_KERNELS names an instruction set not to go beyond.
*/
__attribute__((constructor)) static void choose(void) {
  static const pgv_vector_kernels avx2 = FUNCTIONS(avx2);
  static const pgv_vector_kernels avx512 = FUNCTIONS(avx512);
  static const pgv_bit_kernels popcnt = COUNTS(popcnt);
  static const pgv_bit_kernels vpopcntdq = COUNTS(vpopcntdq);
  static pgv_kernels chosen;
  const char *limit = getenv("PGVECTOR_KERNELS");
  if (limit == NULL) limit = "";
  if (strcmp(limit, "base") == 0) return;
  __builtin_cpu_init();
  chosen = base;
  pgv_kernel = &chosen;
  if (HAS("popcnt")) chosen.bit = popcnt;
  if (!HAS("avx2") || !HAS("fma") || !has_f16c()) return;
  chosen.isa = "avx2";
  chosen.vector = avx2;
  chosen.halfvec = pgv_halfvec_f16c;
  if (strcmp(limit, "avx2") == 0) return;
  if (!HAS("avx512f") || !HAS("avx512dq") || !HAS("avx512vl") ||
      !HAS("avx512bw"))
    return;
  chosen.isa = "avx512";
  chosen.vector = avx512;
  if (HAS("avx512vpopcntdq")) chosen.bit = vpopcntdq;
}

#endif
