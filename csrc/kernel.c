/*
** The kernels in plain C, which compilers turn into what every processor of
** the family has, and the choice of the table.
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

/*
** The lanes do not depend on each other, which `omp simd` tells the compiler.
** gcc keeps them in registers if it gets them in two parts.
*/
#if defined(__clang__)
#define EVERY_LANE(STEP)                                                      \
  _Pragma("omp simd") for (j = 0; j < LANES; j++) { STEP(j) }
#else
#define EVERY_LANE(STEP)                                                      \
  _Pragma("omp simd") for (j = 0; j < LANES / 2; j++) { STEP(j) }             \
  _Pragma("omp simd") for (j = LANES / 2; j < LANES; j++) { STEP(j) }
#endif

#define KERNEL(name) base_vector_##name
#define TARGET
#define T float
#define V double
#define W 1
#define WIDEN(p) ((double)*(p))
#define DIFF(p, q) ((double)(*(p) - *(q)))
#define ABSDIFF(p, q) ((double)fabsf(*(p) - *(q)))
#define ZERO 0.0
#define ADD(x, y) ((x) + (y))
#define MULADD(x, y, s) ((x) * (y) + (s))
#define ALL(STEP) { int j; EVERY_LANE(STEP) }
#include "kernel.inc"

#define KERNEL(name) base_halfvec_##name
#define TARGET
#define T uint16_t
#define V double
#define W 1
#define WIDEN(p) ((double)pgv_half_float(*(p)))
#define DIFF(p, q) ((double)(pgv_half_float(*(p)) - pgv_half_float(*(q))))
#define ABSDIFF(p, q) fabs(DIFF(p, q))
#define ZERO 0.0
#define ADD(x, y) ((x) + (y))
#define MULADD(x, y, s) ((x) * (y) + (s))
#define ALL(STEP) { int j; EVERY_LANE(STEP) }
#include "kernel.inc"

/* ones in x, by adding neighbouring groups of 1, 2, 4 and then 8 bits */
static inline int ones(uint64_t x) {
  x -= x >> 1 & UINT64_C(0x5555555555555555);
  x = (x & UINT64_C(0x3333333333333333)) +
      (x >> 2 & UINT64_C(0x3333333333333333));
  x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
  return (int)(x * UINT64_C(0x0101010101010101) >> 56);
}

#define KERNEL(name) base_bit_##name
#define TARGET
#define ONES(x) ones(x)
#include "kernel_bit.inc"

static const pgv_kernels base = {"base", PGV_DENSE_KERNELS(base_vector),
                                 PGV_DENSE_KERNELS(base_halfvec),
                                 PGV_BIT_KERNELS(base_bit)};

const pgv_kernels *pgv_kernel = &base;

#if PGV_X86
/*
** The library's loader runs this once, before anybody can call anything.
** PGVECTOR_KERNELS names an instruction set not to go beyond.
*/
__attribute__((constructor)) static void choose(void) {
  static pgv_kernels chosen;
  const char *limit = getenv("PGVECTOR_KERNELS");
  chosen = base;
  pgv_kernels_x86(&chosen, limit != NULL ? limit : "");
  pgv_kernel = &chosen;
}
#endif
