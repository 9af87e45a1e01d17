/*
** Distances between sparse vectors: both index lists are walked in ascending
** order. The sums are floats added one after the other, as on the server,
** which makes the results the same as the server's.
*/
#include <math.h>

#include "kernel.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/*
** For each index that either has: STEP, with the elements x and y (0 where
** absent).
*/
#define EACH(STEP)                                                            \
  {                                                                           \
    int i = 0, j = 0;                                                         \
    while (i < a.n || j < b.n) {                                              \
      float x = 0.0f, y = 0.0f;                                               \
      if (j >= b.n || (i < a.n && a.i[i] < b.i[j])) {                         \
        x = a.x[i++];                                                         \
      } else if (i >= a.n || b.i[j] < a.i[i]) {                               \
        y = b.x[j++];                                                         \
      } else {                                                                \
        x = a.x[i++];                                                         \
        y = b.x[j++];                                                         \
      }                                                                       \
      STEP                                                                    \
    }                                                                         \
  }

double pgv_sparse_l2(pgv_sparse a, pgv_sparse b) {
  float sum = 0.0f;
  EACH(sum += (x - y) * (x - y);)
  return sqrt((double)sum);
}

double pgv_sparse_l1(pgv_sparse a, pgv_sparse b) {
  float sum = 0.0f;
  EACH(sum += fabsf(x - y);)
  return (double)sum;
}

double pgv_sparse_ip(pgv_sparse a, pgv_sparse b) {
  float sum = 0.0f;
  int i = 0, j = 0;
  while (i < a.n && j < b.n) {
    if (a.i[i] < b.i[j]) {
      i++;
    } else if (b.i[j] < a.i[i]) {
      j++;
    } else {
      sum += a.x[i++] * b.x[j++];
    }
  }
  return (double)sum;
}

static double square(pgv_sparse a) {
  float sum = 0.0f;
  int i;
  for (i = 0; i < a.n; i++) sum += a.x[i] * a.x[i];
  return (double)sum;
}

double pgv_sparse_cosine(pgv_sparse a, pgv_sparse b) {
  return pgv_cosine(pgv_sparse_ip(a, b), square(a), square(b));
}
