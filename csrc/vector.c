/*
** The type vector: floats.
*/
#include <float.h>
#include <math.h>
#include <string.h>

#include "bytes.h"
#include "kernel.h"
#include "value.h"

#define DENSE(name) pgv_vector_##name
#define T pgv_vector
#define E float
#define NAME "vector"
#define TYPE pgv_vector_type
#define LOAD(e) (e)
#define STORE(f) (f)
#define LOAD_OTHER(v, i) pgv_half_float(((const pgv_halfvec *)(v))->x[i])
#define IS_FINITE(e) (fabsf(e) <= FLT_MAX)
#define IS_ZERO(e) ((e) == 0.0f)
#define ORDER pgv_order32
#define KERNELS pgv_kernel->vector

#include "dense.inc"
