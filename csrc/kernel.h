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

#define LANES 16

/* gcc and clang compile a function for an instruction set on request */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define PGV_X86 1
#else
#define PGV_X86 0
#endif

typedef struct pgv_vector_kernels {
  double (*l2)(const float *a, const float *b, int n);
  double (*ip)(const float *a, const float *b, int n);
  double (*cosine)(const float *a, const float *b, int n);
  double (*l1)(const float *a, const float *b, int n);
  double (*norm)(const float *a, int n);
} pgv_vector_kernels;

typedef struct pgv_halfvec_kernels {
  double (*l2)(const uint16_t *a, const uint16_t *b, int n);
  double (*ip)(const uint16_t *a, const uint16_t *b, int n);
  double (*cosine)(const uint16_t *a, const uint16_t *b, int n);
  double (*l1)(const uint16_t *a, const uint16_t *b, int n);
  double (*norm)(const uint16_t *a, int n);
} pgv_halfvec_kernels;

/* how many bits differ, how many are set in both; n bytes */
typedef struct pgv_bit_kernels {
  uint64_t (*differing)(const unsigned char *a, const unsigned char *b,
                        size_t n);
  uint64_t (*both)(const unsigned char *a, const unsigned char *b, size_t n);
} pgv_bit_kernels;

typedef struct pgv_kernels {
  const char *isa; /* "base", "avx2" or "avx512" */
  pgv_vector_kernels vector;
  pgv_halfvec_kernels halfvec;
  pgv_bit_kernels bit;
} pgv_kernels;

/* initializers for them from functions of one name */
#define PGV_DENSE_KERNELS(name)                                               \
  { name##_l2, name##_ip, name##_cosine, name##_l1, name##_norm }
#define PGV_BIT_KERNELS(name) { name##_differing, name##_both }

/* kernel.c: the table of this machine */
extern const pgv_kernels *pgv_kernel;

/* the cosine distance from three sums that the server holds as floats */
double pgv_cosine(double ab, double aa, double bb);

#if PGV_X86
/* kernel_x86.c: replaces what the processor can do better, but nothing beyond
** the instruction set that `limit` names */
void pgv_kernels_x86(pgv_kernels *k, const char *limit);
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

#endif
