/*
** One query against a list of values: distances, top_k, mmr.
**
** Everything that is needed is allocated before the addresses of the list's
** values are collected, and nothing from then on until they are no longer
** used: a collection could run finalizers, and those could change the list.
*/
#include "value.h"

#include <math.h>
#include <string.h>

#if defined(__GNUC__)
#define prefetch(p) __builtin_prefetch(p)
#else
#define prefetch(p) ((void)(p))
#endif

#define CACHE_LINE 64
#define AHEAD 512 /* bytes of the next value to ask for in time */

#define QUERY 1
#define LIST 2

typedef struct job {
  const pgv_type *t;
  pgv_distance distance;
  const void *q;
  const void **v; /* the list's values */
  int32_t n;
} job;

/* the metric of those who name none */
static pgv_distance usual_metric(const pgv_type *t) {
  return t->distance[t == &pgv_bit_type ? PGV_HAMMING : PGV_COSINE];
}

/* [-0, +0, e] the metric that is named at idx */
static pgv_distance check_metric(lua_State *L, int idx, const pgv_type *t) {
  static const char *const names[PGV_METRICS] = {"l2", "ip",      "cosine",
                                                 "l1", "hamming", "jaccard"};
  const char *name;
  int m;
  if (lua_isnoneornil(L, idx)) return usual_metric(t);
  if (lua_type(L, idx) != LUA_TSTRING)
    pgv_type_error(L, idx, "metric", "string");
  name = lua_tostring(L, idx);
  for (m = 0; m < PGV_METRICS && strcmp(name, names[m]) != 0; m++) {}
  if (m == PGV_METRICS)
    pgv_argerror(L,
                 "unknown metric '%s': expected l2, ip, cosine, l1, hamming "
                 "or jaccard",
                 name);
  if (t->distance[m] == NULL)
    pgv_argerror(L, "metric '%s' is not defined for %s", name, t->name);
  return t->distance[m];
}

/* [-0, +0, -] does idx, if it is one, hold the name of a metric of bits? */
static int is_for_bits(lua_State *L, int idx) {
  const char *name = idx != 0 && lua_type(L, idx) == LUA_TSTRING
                         ? lua_tostring(L, idx)
                         : "";
  return strcmp(name, "hamming") == 0 || strcmp(name, "jaccard") == 0;
}

/*
** [-0, +1, e] checks query and list and pushes the room for the addresses.
** The type is the query's, or else that of the list's first element, or else
** that which the metric at index `metric` is for, or vector.
*/
static void prepare(lua_State *L, job *j, const char *what, int metric) {
  size_t n;
  if (!lua_istable(L, LIST))
    pgv_type_error(L, LIST, what, "a sequence of values");
  n = lua_rawlen(L, LIST);
  if (n > INT32_MAX / sizeof(void *)) luaL_error(L, "not enough memory");
  j->n = (int32_t)n;
  j->t = pgv_typeof(L, QUERY);
  if (j->t == NULL) {
    lua_rawgeti(L, LIST, 1);
    j->t = pgv_typeof(L, -1);
    lua_pop(L, 1);
  }
  if (j->t == NULL)
    j->t = is_for_bits(L, metric) ? &pgv_bit_type : &pgv_vector_type;
  j->q = pgv_operand(L, QUERY, j->t, what);
  j->v = (const void **)lua_newuserdatauv(L, n * sizeof *j->v, 0);
}

/* [-0, +0, -] the addresses of values of the right type; how many there are */
static int32_t collect_some(lua_State *L, job *j) {
  int32_t i;
  for (i = 0; i < j->n; i++) {
    const pgv_type *t;
    lua_rawgeti(L, LIST, i + 1);
    t = pgv_typeof(L, -1);
    j->v[i] = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (t != j->t) break;
  }
  return i;
}

/* (type, value) -> what pgv_operand makes of it */
static int convert_one(lua_State *L) {
  const pgv_type *t = (const pgv_type *)lua_touserdata(L, 1);
  pgv_operand(L, 2, t, t->name);
  return 1;
}

/* [-0, +0, e] replaces the list by one whose values all have the right type */
static void convert(lua_State *L, const job *j) {
  int32_t i;
  lua_createtable(L, j->n, 0);
  for (i = 1; i <= j->n; i++) {
    lua_pushcfunction(L, convert_one);
    lua_pushlightuserdata(L, (void *)(uintptr_t)j->t);
    lua_rawgeti(L, LIST, i);
    if (pgv_typeof(L, -1) != j->t && lua_type(L, -1) != LUA_TTABLE &&
        lua_type(L, -1) != LUA_TSTRING)
      pgv_argerror(L, "list element %d: expected %s, got %s", (int)i,
                   j->t->name, pgv_typename(L, -1));
    if (lua_pcall(L, 2, 1, 0) != 0) {
      const char *prefix = lua_pushfstring(L, "list element %d: ", (int)i);
      lua_insert(L, -2);
      pgv_reraise(L, prefix);
    }
    lua_rawseti(L, -2, i);
  }
  lua_replace(L, LIST);
}

/* [-0, +0, e] collects the addresses of all values, after all allocations */
static void collect(lua_State *L, job *j) {
  int32_t i;
  if (collect_some(L, j) < j->n) {
    convert(L, j);
    collect_some(L, j);
  }
  for (i = 0; i < j->n; i++)
    if (pgv_length(j->v[i]) != pgv_length(j->q))
      pgv_dataerror(L, "22000", "list element %d: different %s %d and %d",
                    (int)i + 1, j->t->lengths, (int)pgv_length(j->q),
                    (int)pgv_length(j->v[i]));
}

/* the distance of value i from p, while the next value is on its way */
static double distance_from(const job *j, const void *p, int32_t i) {
  if (i + 1 < j->n) {
    int k;
    for (k = 0; k < AHEAD; k += CACHE_LINE)
      prefetch((const char *)j->v[i + 1] + k);
  }
  return j->distance(p, j->v[i]);
}

/* distances(q, list, metric) -> sequence of numbers */
static int batch_distances(lua_State *L) {
  job j;
  int32_t i;
  lua_settop(L, 3);
  prepare(L, &j, "distances", 3);
  j.distance = check_metric(L, 3, j.t);
  lua_createtable(L, j.n, 0);
  collect(L, &j);
  for (i = 0; i < j.n; i++) {
    lua_pushnumber(L, distance_from(&j, j.q, i));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/*
** {======================================================================
** The k nearest: a heap of k candidates, the farthest at the root
** =======================================================================
*/

typedef struct candidate {
  double distance;
  int32_t index;
} candidate;

/* NaN is farther than everything; of equals, the later one is farther */
static int farther(candidate a, candidate b) {
  if (isnan(a.distance) || isnan(b.distance)) {
    int a_nan = isnan(a.distance) != 0, b_nan = isnan(b.distance) != 0;
    return a_nan != b_nan ? a_nan : a.index > b.index;
  }
  if (a.distance != b.distance) return a.distance > b.distance;
  return a.index > b.index;
}

/* puts c at the root of a heap of n, and what is farther above it */
static void sift_down(candidate *heap, int32_t n, candidate c) {
  int32_t i = 0, child;
  while ((child = 2 * i + 1) < n) {
    if (child + 1 < n && farther(heap[child + 1], heap[child])) child++;
    if (!farther(heap[child], c)) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = c;
}

static void sift_up(candidate *heap, int32_t i, candidate c) {
  for (; i > 0 && farther(c, heap[(i - 1) / 2]); i = (i - 1) / 2)
    heap[i] = heap[(i - 1) / 2];
  heap[i] = c;
}

/* [-0, +0, e] the argument k, which is n at most */
static int32_t check_k(lua_State *L, int32_t n, const char *what) {
  int32_t k = pgv_check_int(L, 3, what);
  if (k < 0) pgv_argerror(L, "%s: k must not be negative", what);
  return k < n ? k : n;
}

/* top_k(q, list, k, metric) -> sequence of {index=, distance=} */
static int batch_top_k(lua_State *L) {
  job j;
  candidate *heap;
  int32_t i, k;
  lua_settop(L, 4);
  prepare(L, &j, "top_k", 4);
  k = check_k(L, j.n, "top_k");
  j.distance = check_metric(L, 4, j.t);
  heap = (candidate *)lua_newuserdatauv(L, (size_t)k * sizeof *heap, 0);
  collect(L, &j);
  for (i = 0; k > 0 && i < j.n; i++) {
    candidate c;
    c.distance = distance_from(&j, j.q, i);
    c.index = i;
    if (i < k)
      sift_up(heap, i, c);
    else if (farther(heap[0], c))
      sift_down(heap, k, c);
  }
  for (i = k - 1; i > 0; i--) { /* the farthest one of the rest goes last */
    candidate c = heap[i];
    heap[i] = heap[0];
    sift_down(heap, i, c);
  }
  lua_createtable(L, k, 0);
  for (i = 0; i < k; i++) {
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, (lua_Integer)heap[i].index + 1);
    lua_setfield(L, -2, "index");
    lua_pushnumber(L, heap[i].distance);
    lua_setfield(L, -2, "distance");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* }====================================================================== */

/*
** {======================================================================
** Maximal marginal relevance: near the query, far from what is taken
** =======================================================================
*/

#define DEFAULT_LAMBDA 0.5

/* [-0, +0, e] reads the options at idx into metric and lambda */
static void check_options(lua_State *L, int idx, job *j, double *lambda) {
  j->distance = usual_metric(j->t);
  if (lua_isnoneornil(L, idx)) return;
  if (!lua_istable(L, idx)) pgv_type_error(L, idx, "mmr", "a table of options");
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    const char *key =
        lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (strcmp(key, "metric") == 0) {
      j->distance = check_metric(L, lua_gettop(L), j->t);
    } else if (strcmp(key, "lambda") == 0) {
      *lambda = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
      if (!(*lambda >= 0.0 && *lambda <= 1.0))
        pgv_argerror(L, "mmr: lambda must be a number from 0 to 1");
    } else {
      pgv_argerror(L, "mmr: unknown option '%s'",
                   *key != '\0' ? key : pgv_typename(L, -2));
    }
    lua_pop(L, 1);
  }
}

typedef struct item {
  double from_query, from_taken; /* the latter: from the nearest taken one */
  int taken;
} item;

/*
** The best of those not taken; the first one is the nearest. For every metric,
** similarity is a constant minus distance; the constant makes no difference
** here. A distance of NaN makes an item the last choice.
*/
static int32_t best(const item *items, int32_t n, double lambda, int first) {
  double best_score = -INFINITY;
  int32_t i, result = -1;
  if (first) lambda = 1.0;
  for (i = 0; i < n; i++) {
    double score = 0.0;
    if (items[i].taken) continue;
    if (lambda > 0.0) score -= lambda * items[i].from_query;
    if (lambda < 1.0) score += (1.0 - lambda) * items[i].from_taken;
    if (result < 0 || score > best_score ||
        (isnan(best_score) && !isnan(score))) {
      best_score = score;
      result = i;
    }
  }
  return result;
}

/* mmr(q, list, k, {lambda=, metric=}) -> sequence of indices */
static int batch_mmr(lua_State *L) {
  job j;
  item *items;
  double lambda = DEFAULT_LAMBDA;
  int32_t i, k, round;
  lua_settop(L, 4);
  prepare(L, &j, "mmr", 0);
  k = check_k(L, j.n, "mmr");
  check_options(L, 4, &j, &lambda);
  items = (item *)lua_newuserdatauv(L, (size_t)j.n * sizeof *items, 0);
  lua_createtable(L, k, 0);
  collect(L, &j);
  for (i = 0; k > 0 && i < j.n; i++) {
    items[i].from_query = distance_from(&j, j.q, i);
    items[i].from_taken = INFINITY;
    items[i].taken = 0;
  }
  for (round = 1; round <= k; round++) {
    int32_t chosen = best(items, j.n, lambda, round == 1);
    items[chosen].taken = 1;
    for (i = 0; round < k && i < j.n; i++) {
      double d;
      if (items[i].taken) continue;
      d = distance_from(&j, j.v[chosen], i);
      if (d < items[i].from_taken) items[i].from_taken = d;
    }
    lua_pushinteger(L, (lua_Integer)chosen + 1);
    lua_rawseti(L, -2, round);
  }
  return 1;
}

/* }====================================================================== */

const luaL_Reg pgv_batch_functions[] = {
    {"distances", batch_distances},
    {"top_k", batch_top_k},
    {"mmr", batch_mmr},
    {NULL, NULL},
};
