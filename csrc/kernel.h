/*
** Distances between raw arrays. One table of functions per instruction set;
** the one for this machine is chosen when the library is loaded and never
** changes, so any number of Lua states may use it at once.
**
** Sums are added in double, in sixteen interleaved lanes that are folded in a
** fixed order, and rounded to float where the server holds a float. A product
** of two floats is exact in a double, so a fused multiply-add changes nothing:
** every table gives the same result, bit for bit.
*/
#ifndef PGV_KERNEL_H
#define PGV_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* gcc and clang compile a function for an instruction set on request */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define PGV_X86 1
#else
#define PGV_X86 0
#endif

typedef double (*pgv_vector_kernel)(const float *a, const float *b, int n);
typedef double (*pgv_halfvec_kernel)(const uint16_t *a, const uint16_t *b,
                                     int n);
/* n bytes; the bits behind the last one are zero */
typedef uint64_t (*pgv_bit_kernel)(const unsigned char *a,
                                   const unsigned char *b, size_t n);

typedef struct pgv_vector_kernels {
  pgv_vector_kernel l2, ip, cosine, l1;
  double (*norm)(const float *a, int n);
} pgv_vector_kernels;

typedef struct pgv_halfvec_kernels {
  pgv_halfvec_kernel l2, ip, cosine, l1;
  double (*norm)(const uint16_t *a, int n);
} pgv_halfvec_kernels;

typedef struct pgv_bit_kernels {
  pgv_bit_kernel differing, both; /* ones in a XOR b, in a AND b */
} pgv_bit_kernels;

typedef struct pgv_kernels {
  const char *isa; /* "base", "avx2" or "avx512" */
  pgv_vector_kernels vector;
  pgv_halfvec_kernels halfvec;
  pgv_bit_kernels bit;
} pgv_kernels;

/* the table of this machine */
extern const pgv_kernels *pgv_kernel;

#if PGV_X86
/* kernel_f16c.c: halves by the processor's own conversion (AVX2, F16C, FMA) */
extern const pgv_halfvec_kernels pgv_halfvec_f16c;
#endif

/* kernel_sparse.c: indices ascending, as in pgv_sparsevec */
typedef struct pgv_sparse {
  const int32_t *i;
  const float *x;
  int n;
} pgv_sparse;

double pgv_sparse_l2(pgv_sparse a, pgv_sparse b);
double pgv_sparse_ip(pgv_sparse a, pgv_sparse b);
double pgv_sparse_cosine(pgv_sparse a, pgv_sparse b);
double pgv_sparse_l1(pgv_sparse a, pgv_sparse b);

/* the cosine distance from three sums that the server holds as floats */
double pgv_cosine(double ab, double aa, double bb);

#endif
