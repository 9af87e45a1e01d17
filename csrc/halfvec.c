/*
** The type halfvec: halves (binary16).
*/
#include <string.h>

#include "bytes.h"
#include "kernel.h"
#include "value.h"

#define DENSE(name) pgv_halfvec_##name
#define T pgv_halfvec
#define E uint16_t
#define NAME "halfvec"
#define TYPE pgv_halfvec_type
#define LOAD(e) pgv_half_float(e)
#define STORE(f) pgv_float_half(f)
#define LOAD_OTHER(v, i) (((const pgv_vector *)(v))->x[i])
#define IS_FINITE(e) (((e) & 0x7c00) != 0x7c00)
#define IS_ZERO(e) (((e) & 0x7fff) == 0)
#define ORDER pgv_order16
#define KERNELS pgv_kernel->halfvec

#include "dense.inc"
