/*
** What the value types have in common: type checks, the methods that all of
** them offer, and their registration.
*/
#include "value.h"

#include <math.h>

#include "kernel.h"

static const pgv_type *const types[] = {&pgv_vector_type, &pgv_halfvec_type,
                                        &pgv_sparsevec_type, &pgv_bit_type};
#define NTYPES ((int)(sizeof types / sizeof types[0]))

/*
** {======================================================================
** Checks. A metatable holds its type's address at index 1.
** =======================================================================
*/

const pgv_type *pgv_typeof(lua_State *L, int idx) {
  const void *p;
  int i;
  if (lua_touserdata(L, idx) == NULL || !lua_getmetatable(L, idx)) return NULL;
  lua_rawgeti(L, -1, 1);
  p = lua_touserdata(L, -1);
  lua_pop(L, 2);
  for (i = 0; i < NTYPES; i++)
    if (p == types[i]) return types[i];
  return NULL;
}

const char *pgv_value_type(lua_State *L, int idx) {
  const pgv_type *t = pgv_typeof(L, idx);
  return t != NULL ? t->name : NULL;
}

const char *pgv_typename(lua_State *L, int idx) {
  const pgv_type *t = pgv_typeof(L, idx);
  if (t != NULL) return t->name;
  if (lua_islightuserdata(L, idx) && lua_touserdata(L, idx) == NULL)
    return "null";
  return lua_isnone(L, idx) ? "nothing" : luaL_typename(L, idx);
}

/* upvalues of a method: its type's address, its name, the type's metatable */
#define self_type(L)                                                          \
  ((const pgv_type *)lua_touserdata(L, lua_upvalueindex(1)))
#define self_name(L) lua_tostring(L, lua_upvalueindex(2))
#define SELF_META lua_upvalueindex(3)
#define SELF_METHODS lua_upvalueindex(4) /* in value_index only */

PGV_NORETURN static void colon_error(lua_State *L) {
  pgv_argerror(L, "use ':' to call %s:%s(), not '.'", self_type(L)->name,
               self_name(L));
}

/* [-0, +0, -] the value at idx if it has the method's type, or NULL */
static const void *same_type(lua_State *L, int idx) {
  int same;
  if (!lua_getmetatable(L, idx)) return NULL;
  same = lua_rawequal(L, -1, SELF_META);
  lua_pop(L, 1);
  return same ? lua_touserdata(L, idx) : NULL;
}

const void *pgv_self(lua_State *L) {
  const void *v = same_type(L, 1);
  if (v == NULL) colon_error(L);
  return v;
}

void pgv_check_colon(lua_State *L, int idx) {
  if (lua_isnone(L, idx)) colon_error(L);
}

void pgv_type_error(lua_State *L, int idx, const char *what,
                    const char *expected) {
  pgv_argerror(L, "%s: expected %s, got %s", what, expected,
               pgv_typename(L, idx));
}

const void *pgv_operand(lua_State *L, int idx, const pgv_type *t,
                        const char *what) {
  const pgv_type *actual = pgv_typeof(L, idx);
  if (actual != t) {
    int type = lua_type(L, idx);
    if (type != LUA_TTABLE && type != LUA_TSTRING)
      pgv_type_error(L, idx, what, t->name);
    t->make(L, idx);
    lua_replace(L, idx);
  }
  return lua_touserdata(L, idx);
}

int pgv_taken_over(lua_State *L, const char *event) {
  if (lua_type(L, 2) != LUA_TTABLE || !luaL_getmetafield(L, 2, event)) return 0;
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

void pgv_check_lengths(lua_State *L, const pgv_type *t, const void *a,
                       const void *b) {
  if (pgv_length(a) != pgv_length(b))
    pgv_dataerror(L, "22000", "different %s %d and %d", t->lengths,
                  (int)pgv_length(a), (int)pgv_length(b));
}

void pgv_check_expected(lua_State *L, int32_t dim, int expected) {
  if (expected > 0 && dim != expected)
    pgv_dataerror(L, "22000", "expected %d dimensions, not %d", expected,
                  (int)dim);
}

int32_t pgv_check_int(lua_State *L, int idx, const char *what) {
  lua_Number n = lua_tonumber(L, idx);
  int32_t i = n >= INT32_MAX    ? INT32_MAX
              : n <= -INT32_MAX ? -INT32_MAX
              : n == n          ? (int32_t)n
                                : 0;
  if (lua_type(L, idx) != LUA_TNUMBER || n != floor(n))
    pgv_type_error(L, idx, what, "integer");
  return i;
}

/* }====================================================================== */

/*
** {======================================================================
** Methods and metamethods
** =======================================================================
*/

static int value_dims(lua_State *L) {
  lua_pushinteger(L, pgv_length(pgv_self(L)));
  return 1;
}

static int value_totable(lua_State *L) {
  const void *v = pgv_self(L);
  int32_t i, n = pgv_length(v);
  lua_createtable(L, n, 0);
  for (i = 0; i < n; i++) {
    self_type(L)->push(L, v, i);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int next_element(lua_State *L) {
  const pgv_type *t = pgv_typeof(L, 1);
  const void *v = lua_touserdata(L, 1);
  lua_Integer i = lua_tointeger(L, 2);
  if (t == NULL || i < 0 || i >= pgv_length(v)) return 0;
  lua_pushinteger(L, i + 1);
  t->push(L, v, (int32_t)i);
  return 2;
}

static int value_iter(lua_State *L) {
  pgv_self(L);
  lua_pushcfunction(L, next_element);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

void pgv_value_pushtext(lua_State *L, int idx) {
  const pgv_type *t = pgv_typeof(L, idx);
  const void *v = lua_touserdata(L, idx);
  char *text = (char *)lua_newuserdatauv(L, t->text_size(v), 0);
  lua_pushlstring(L, text, t->text(v, text));
  lua_remove(L, -2);
}

static int value_to_text(lua_State *L) {
  pgv_self(L);
  pgv_value_pushtext(L, 1);
  return 1;
}

static int value_to_binary(lua_State *L) {
  pgv_buf *b;
  pgv_self(L);
  b = pgv_buf_new(L);
  self_type(L)->send(L, 1, 0, b);
  lua_pushlstring(L, b->p, b->n);
  pgv_buf_free(b);
  return 1;
}

static int value_to_packed(lua_State *L) {
  pgv_self(L);
  self_type(L)->pack(L, 1, pgv_big_endian(L, 2, "to_packed"));
  return 1;
}

static int convert(lua_State *L, const pgv_type *to) {
  pgv_self(L);
  to->make(L, 1);
  return 1;
}

static int value_to_vector(lua_State *L) {
  return convert(L, &pgv_vector_type);
}

static int value_to_halfvec(lua_State *L) {
  return convert(L, &pgv_halfvec_type);
}

static int value_to_sparsevec(lua_State *L) {
  return convert(L, &pgv_sparsevec_type);
}

/* [-0, +0, e] the distance of arguments 1 and 2 of a method */
static double distance(lua_State *L, pgv_metric metric) {
  const pgv_type *t = self_type(L);
  const void *a = pgv_self(L), *b = same_type(L, 2);
  if (b == NULL) {
    pgv_check_colon(L, 2);
    b = pgv_operand(L, 2, t, self_name(L));
  }
  pgv_check_lengths(L, t, a, b);
  return t->distance[metric](a, b);
}

#define DISTANCE(name, expression)                                            \
  static int value_##name(lua_State *L) {                                     \
    lua_pushnumber(L, expression);                                            \
    return 1;                                                                 \
  }

DISTANCE(l2_distance, distance(L, PGV_L2))
DISTANCE(inner_product, -distance(L, PGV_IP))
DISTANCE(max_inner_product, distance(L, PGV_IP))
DISTANCE(cosine_distance, distance(L, PGV_COSINE))
DISTANCE(l1_distance, distance(L, PGV_L1))
DISTANCE(hamming_distance, distance(L, PGV_HAMMING))
DISTANCE(jaccard_distance, distance(L, PGV_JACCARD))

static int value_index(lua_State *L) {
  int type = lua_type(L, 2);
  if (type == LUA_TSTRING) {
    lua_pushvalue(L, 2);
    lua_rawget(L, SELF_METHODS);
    if (lua_isnil(L, -1)) {
      const pgv_type *t = self_type(L);
      const char *name = lua_tostring(L, 2);
      if (t->field == NULL || !t->field(L, pgv_self(L), name))
        pgv_argerror(L, "%s has no method '%s'", t->name, name);
    }
  } else {
    const void *v = pgv_self(L);
    lua_Number n = type == LUA_TNUMBER ? lua_tonumber(L, 2) : 0;
    int32_t i = n >= 1 && n <= pgv_length(v) ? (int32_t)n : 0;
    if (i == 0 || (lua_Number)i != n)
      lua_pushnil(L);
    else
      self_type(L)->push(L, v, i - 1);
  }
  return 1;
}

static int value_newindex(lua_State *L) {
  pgv_argerror(L, "a %s cannot be changed", pgv_typename(L, 1));
}

static int value_eq(lua_State *L) {
  const pgv_type *t = pgv_typeof(L, 1);
  const void *a = lua_touserdata(L, 1), *b = lua_touserdata(L, 2);
  lua_pushboolean(L, t != NULL && t == pgv_typeof(L, 2) &&
                         pgv_length(a) == pgv_length(b) &&
                         t->compare(a, b) == 0);
  return 1;
}

/* [-0, +0, e] the order of two values of one type */
static int compare(lua_State *L) {
  const pgv_type *t = pgv_typeof(L, 1);
  if (t == NULL || t != pgv_typeof(L, 2))
    pgv_argerror(L, "cannot compare %s with %s", pgv_typename(L, 1),
                 pgv_typename(L, 2));
  return t->compare(lua_touserdata(L, 1), lua_touserdata(L, 2));
}

static int value_lt(lua_State *L) {
  lua_pushboolean(L, compare(L) < 0);
  return 1;
}

static int value_le(lua_State *L) {
  lua_pushboolean(L, compare(L) <= 0);
  return 1;
}

/* }====================================================================== */

/*
** {======================================================================
** Namespaces: vector(x), vector.from_text(s), ...
** =======================================================================
*/

static int namespace_call(lua_State *L) {
  const pgv_type *t = self_type(L);
  if (!lua_isnoneornil(L, 3))
    pgv_argerror(L, "%s: expected one argument", t->name);
  lua_settop(L, 2);
  t->make(L, 2);
  return 1;
}

/* [-0, +0, e] the string argument of a constructor function */
static const char *check_string(lua_State *L, size_t *n) {
  if (lua_type(L, 1) != LUA_TSTRING)
    pgv_type_error(L, 1, self_name(L), "string");
  return lua_tolstring(L, 1, n);
}

static int namespace_from_text(lua_State *L) {
  size_t n;
  const char *s = check_string(L, &n);
  self_type(L)->parse(L, s, n);
  return 1;
}

static int namespace_from_binary(lua_State *L) {
  size_t n;
  const char *s = check_string(L, &n);
  self_type(L)->recv(L, s, n);
  return 1;
}

static int namespace_from_packed(lua_State *L) {
  size_t n;
  const char *s = check_string(L, &n);
  self_type(L)->unpack(L, s, n, pgv_big_endian(L, 2, "from_packed"));
  return 1;
}

/* }====================================================================== */

static int core_value_type(lua_State *L) {
  const char *name = pgv_value_type(L, 1);
  lua_pushstring(L, name); /* NULL pushes nil */
  return 1;
}

static int kernels_isa(lua_State *L) {
  lua_pushstring(L, pgv_kernel->isa);
  return 1;
}

static const luaL_Reg methods[] = {
    {"dims", value_dims},           {"totable", value_totable},
    {"iter", value_iter},           {"to_text", value_to_text},
    {"to_binary", value_to_binary}, {"to_packed", value_to_packed},
    {NULL, NULL},
};

/* those whose elements are numbers */
static const luaL_Reg conversions[] = {
    {"to_vector", value_to_vector},
    {"to_halfvec", value_to_halfvec},
    {"to_sparsevec", value_to_sparsevec},
    {NULL, NULL},
};

static const struct {
  pgv_metric metric;
  luaL_Reg method[2];
} distances[] = {
    {PGV_L2, {{"l2_distance", value_l2_distance}, {NULL, NULL}}},
    {PGV_IP, {{"inner_product", value_inner_product}, {NULL, NULL}}},
    {PGV_IP, {{"max_inner_product", value_max_inner_product}, {NULL, NULL}}},
    {PGV_COSINE, {{"cosine_distance", value_cosine_distance}, {NULL, NULL}}},
    {PGV_L1, {{"l1_distance", value_l1_distance}, {NULL, NULL}}},
    {PGV_HAMMING, {{"hamming_distance", value_hamming_distance}, {NULL, NULL}}},
    {PGV_JACCARD, {{"jaccard_distance", value_jaccard_distance}, {NULL, NULL}}},
};
#define NDISTANCES ((int)(sizeof distances / sizeof distances[0]))

static const luaL_Reg metamethods[] = {
    {"__len", value_dims},         {"__tostring", value_to_text},
    {"__newindex", value_newindex}, {"__eq", value_eq},
    {"__lt", value_lt},            {"__le", value_le},
    {NULL, NULL},
};

static const luaL_Reg call[] = {{"__call", namespace_call}, {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"from_text", namespace_from_text},
    {"from_binary", namespace_from_binary},
    {"from_packed", namespace_from_packed},
    {NULL, NULL},
};

/* [-0, +1, m] a type's address, for a metatable or an upvalue */
#define push_type(L, t) lua_pushlightuserdata(L, (void *)(uintptr_t)(t))

/* [-0, +0, m] adds methods to the table on the top; they have the upvalues
** that pgv_self wants. The metatable is at meta. */
static void set(lua_State *L, const pgv_type *t, int meta, const luaL_Reg *r) {
  for (; r->name != NULL; r++) {
    push_type(L, t);
    lua_pushstring(L, r->name);
    lua_pushvalue(L, meta);
    lua_pushcclosure(L, r->func, 3);
    lua_setfield(L, -2, r->name);
  }
}

/* [-0, +1, m] pushes the table of a type's methods */
static void push_methods(lua_State *L, const pgv_type *t, int meta) {
  int i;
  lua_createtable(L, 0, 24);
  set(L, t, meta, methods);
  if (t != &pgv_bit_type) set(L, t, meta, conversions);
  for (i = 0; i < NDISTANCES; i++)
    if (t->distance[distances[i].metric] != NULL)
      set(L, t, meta, distances[i].method);
  set(L, t, meta, t->methods);
}

/* [-0, +1, m] pushes the new metatable of a type */
static void push_metatable(lua_State *L, const pgv_type *t) {
  int meta;
  luaL_newmetatable(L, t->metatable);
  meta = lua_gettop(L);
  push_type(L, t);
  lua_rawseti(L, meta, 1);
  set(L, t, meta, metamethods);
  set(L, t, meta, t->metamethods);
  push_type(L, t);
  lua_pushliteral(L, "__index");
  lua_pushvalue(L, meta);
  push_methods(L, t, meta);
  lua_pushcclosure(L, value_index, 4);
  lua_setfield(L, meta, "__index");
}

/* [-0, +1, m] pushes the callable table with a type's constructors */
static void push_namespace(lua_State *L, const pgv_type *t, int meta) {
  lua_createtable(L, 0, 4);
  set(L, t, meta, functions);
  set(L, t, meta, t->functions);
  lua_createtable(L, 0, 1);
  set(L, t, meta, t->call != NULL ? t->call : call);
  lua_setmetatable(L, -2);
}

/* [-0, +0, m] */
void pgv_open_values(lua_State *L) {
  int module = lua_gettop(L), i;
  lua_createtable(L, 0, NTYPES);
  for (i = 0; i < NTYPES; i++) {
    push_metatable(L, types[i]);
    push_namespace(L, types[i], lua_gettop(L));
    lua_setfield(L, module, types[i]->name);
    lua_setfield(L, -2, types[i]->name);
  }
  lua_setfield(L, module, "value_metatables");
  lua_pushcfunction(L, core_value_type);
  lua_setfield(L, module, "value_type");
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, kernels_isa);
  lua_setfield(L, -2, "isa");
  lua_setfield(L, module, "kernels");
  luaL_setfuncs(L, pgv_batch_functions, 0);
}
