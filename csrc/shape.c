/*
** Encoders and decoders: the fields of a statement or a result, worked out
** once and used often. Also where an error says which field it is about.
*/
#include <string.h>

#include "pq.h"

pgv_shape *pgv_check_encoder(lua_State *L, int idx) {
  return (pgv_shape *)luaL_checkudata(L, idx, PGV_ENCODER);
}

pgv_shape *pgv_check_decoder(lua_State *L, int idx) {
  return (pgv_shape *)luaL_checkudata(L, idx, PGV_DECODER);
}

/* ---- specifications ---- */

/* [-0, +0, e] an integer field of the table on the top, 0 if absent */
static lua_Integer int_option(lua_State *L, const char *name, lua_Integer max) {
  lua_Number v = 0;
  lua_getfield(L, -1, name);
  if (!lua_isnil(L, -1)) {
    v = lua_tonumber(L, -1);
    if (!lua_isnumber(L, -1) || !(v >= 0 && v <= (lua_Number)max))
      pgv_argerror(L, "%s: expected a number from 0 to %ld, got %s", name,
                   (long)max, luaL_typename(L, -1));
  }
  lua_pop(L, 1);
  return (lua_Integer)v;
}

/* [-0, +0, e] f->kind and f->array from the kind's name on the top */
static void set_kind(lua_State *L, pgv_field *f) {
  size_t n;
  const char *s = lua_tolstring(L, -1, &n);
  if (s == NULL)
    pgv_argerror(L, "kind: expected string, got %s", luaL_typename(L, -1));
  f->array = (char)(n > 2 && strcmp(s + n - 2, "[]") == 0);
  f->kind = pgv_kind_find(s, f->array ? n - 2 : n);
  if (f->kind == NULL) pgv_argerror(L, "unknown kind '%s'", s);
}

/* [-0, +0, e] the OIDs that the specification on the top leaves open; those
** of the extension's types are in the table at `oids`, unless that is 0 */
static void default_oids(lua_State *L, pgv_field *f, int oids) {
  const pgv_kind *k = f->kind;
  Oid oid = k->oid, array_oid = k->array_oid;
  if (k->flags & PGV_EXTENSION && oids != 0) {
    lua_pushvalue(L, oids);
    oid = (Oid)int_option(L, k->name, OID_MAX);
    lua_pop(L, 1);
  }
  if (f->array) {
    if (f->elem_oid == 0) f->elem_oid = oid;
    if (f->oid == 0) f->oid = array_oid;
  } else if (f->oid == 0 && !(k->flags & PGV_SERVER_INFERS)) {
    f->oid = oid;
  }
}

/* [-0, +0, e] field i (from 0) from the specification on the top; the shape's
** table is at `anchor` */
static void set_field(lua_State *L, pgv_shape *s, int i, int anchor, int oids) {
  pgv_field *f = &s->f[i];
  lua_getfield(L, -1, "kind");
  set_kind(L, f);
  lua_pop(L, 1);
  f->dim = (int)int_option(L, "dim", 0x7fffffff);
  f->oid = (Oid)int_option(L, "oid", OID_MAX);
  f->elem_oid = (Oid)int_option(L, "elem_oid", OID_MAX);
  default_oids(L, f, oids);
  lua_getfield(L, -1, "binary");
  f->text_only = (char)(lua_isboolean(L, -1) && !lua_toboolean(L, -1));
  lua_pop(L, 1);
  lua_getfield(L, -1, "name");
  if (lua_type(L, -1) == LUA_TSTRING) {
    f->name = lua_tostring(L, -1);
    lua_rawseti(L, anchor, i + 1);
  } else {
    lua_pop(L, 1);
  }
  lua_getfield(L, -1, "convert");
  if (!lua_isnil(L, -1)) {
    luaL_checktype(L, -1, LUA_TFUNCTION);
    f->convert = 1;
    s->converts++;
    lua_rawseti(L, anchor, -(i + 1));
    lua_getfield(L, -1, "null");
    f->sees_null = (char)lua_toboolean(L, -1);
  }
  lua_pop(L, 1);
}

pgv_shape *pgv_shape_new(lua_State *L, int idx, int oids, const char *tname) {
  pgv_shape *s;
  int i, n, anchor;
  luaL_checktype(L, idx, LUA_TTABLE);
  n = (int)lua_rawlen(L, idx);
  if (n > 65535)
    pgv_argerror(L, "number of parameters must be between 0 and 65535");
  s = (pgv_shape *)lua_newuserdatauv(
      L, sizeof *s + (size_t)n * sizeof(pgv_field), 1);
  memset(s, 0, sizeof *s + (size_t)n * sizeof(pgv_field));
  luaL_setmetatable(L, tname);
  lua_createtable(L, n, 2);
  anchor = lua_gettop(L);
  lua_pushvalue(L, -2);
  lua_rawseti(L, anchor, 0);
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, idx, i + 1);
    if (!lua_istable(L, -1))
      pgv_argerror(L, "field %d: expected table, got %s", i + 1,
                   luaL_typename(L, -1));
    set_field(L, s, i, anchor, oids);
    lua_pop(L, 1);
    s->n = i + 1;
  }
  if (oids != 0) {
    lua_pushvalue(L, oids);
    s->extension_oid[0] = (Oid)int_option(L, "vector", OID_MAX);
    s->extension_oid[1] = (Oid)int_option(L, "halfvec", OID_MAX);
    s->extension_oid[2] = (Oid)int_option(L, "sparsevec", OID_MAX);
    lua_pop(L, 1);
  }
  lua_setiuservalue(L, -2, 1);
  return s;
}

void pgv_convert(lua_State *L, const pgv_shape *s, int anchor, int i) {
  const pgv_field *f = &s->f[i];
  if (!f->convert) return;
  if (pgv_isnull(L, -1)) {
    if (!f->sees_null) return;
    lua_pop(L, 1);
    lua_pushlightuserdata(L, NULL);
  }
  lua_rawgeti(L, anchor, -(i + 1));
  lua_insert(L, -2);
  lua_call(L, 1, 1);
}

/* ---- encoders ---- */

/* core.encoder(specifications [, { vector = oid, … }]) */
static int encoder_new(lua_State *L) {
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
  pgv_shape_new(L, 1, lua_isnil(L, 2) ? 0 : 2, PGV_ENCODER);
  return 1;
}

/* has every field a binary form, so that a binary COPY is possible? */
static int encoder_binary(lua_State *L) {
  const pgv_shape *s = pgv_check_encoder(L, 1);
  int i;
  for (i = 0; i < s->n; i++)
    if (!pgv_field_has_binary(&s->f[i])) break;
  lua_pushboolean(L, i == s->n);
  return 1;
}

static int encoder_len(lua_State *L) {
  lua_pushinteger(L, pgv_check_encoder(L, 1)->n);
  return 1;
}

/* ---- decoders ---- */

/* the __index of rows in which names occur twice; upvalue: name → count */
static int row_index(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  if (lua_tointeger(L, -1) > 1)
    pgv_raise(L, "InvalidRequestError", NULL, "ambiguous column name '%s'",
              lua_tostring(L, 2));
  return 0;
}

/* [-0, +1, m] pushes how many fields have a name; `anchor` as in pgv_convert */
static void count_names(lua_State *L, const pgv_shape *s, int anchor) {
  int i, counts;
  lua_newtable(L);
  counts = lua_gettop(L);
  for (i = 0; i < s->n; i++) {
    lua_Integer count;
    if (s->f[i].name == NULL) continue;
    lua_rawgeti(L, anchor, i + 1);
    lua_pushvalue(L, -1);
    lua_rawget(L, counts);
    count = lua_tointeger(L, -1);
    lua_pop(L, 1);
    lua_pushinteger(L, count + 1);
    lua_rawset(L, counts);
  }
}

/* [-0, +0, m] names that occur twice lead to no field; the shape on the top */
static void find_duplicates(lua_State *L, pgv_shape *s) {
  int i, twice = 0, top = lua_gettop(L);
  lua_getiuservalue(L, -1, 1);
  count_names(L, s, top + 1);
  for (i = 0; i < s->n; i++) {
    pgv_field *f = &s->f[i];
    f->unnamed = 1;
    if (f->name == NULL) continue;
    lua_getfield(L, top + 2, f->name);
    f->unnamed = (char)(lua_tointeger(L, -1) > 1);
    lua_pop(L, 1);
    s->named += !f->unnamed;
    twice |= f->unnamed;
  }
  if (twice) {
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, top + 2);
    lua_pushcclosure(L, row_index, 1);
    lua_setfield(L, -2, "__index");
    lua_setfield(L, top + 1, "row");
  }
  lua_settop(L, top);
}

/* core.decoder(specifications) */
static int decoder_new(lua_State *L) {
  lua_settop(L, 1);
  find_duplicates(L, pgv_shape_new(L, 1, 0, PGV_DECODER));
  return 1;
}

static int decoder_len(lua_State *L) {
  lua_pushinteger(L, pgv_check_decoder(L, 1)->n);
  return 1;
}

/* ---- where an error happened ---- */

/* [-0, +1, m] `row 17, column 2 (embedding): ` */
static void push_place(lua_State *L, const pgv_place *at) {
  int top = lua_gettop(L);
  if (at->row > 0) {
    lua_pushliteral(L, "row ");
    lua_pushinteger(L, at->row);
  }
  if (at->i > 0) {
    const char *name = at->shape->f[at->i - 1].name;
    if (at->row > 0) lua_pushliteral(L, ", ");
    lua_pushfstring(L, "%s %d", at->noun, at->i);
    if (name != NULL) lua_pushfstring(L, " (%s)", name);
  }
  lua_pushliteral(L, ": ");
  lua_concat(L, lua_gettop(L) - top);
}

/* [-0, +0, m] the same as fields of the error object on the top: a parameter
** is known by its position, a column by its name */
static void set_place(lua_State *L, const pgv_place *at) {
  if (at->row > 0) {
    lua_pushinteger(L, at->row);
    lua_setfield(L, -2, "row");
  }
  if (at->i > 0) {
    const char *name = at->shape->f[at->i - 1].name;
    if (name != NULL && strcmp(at->noun, "column") == 0)
      lua_pushstring(L, name);
    else
      lua_pushinteger(L, at->i);
    lua_setfield(L, -2, at->noun);
  }
}

void pgv_raise_at(lua_State *L, const pgv_place *at) {
  int err = lua_gettop(L);
  if (at->i == 0 && at->row == 0) {
    /* nothing to add */
  } else if (lua_type(L, err) == LUA_TSTRING) {
    push_place(L, at);
    lua_insert(L, err);
    lua_concat(L, 2);
  } else if (lua_istable(L, err)) {
    lua_getfield(L, err, "message");
    if (lua_type(L, -1) == LUA_TSTRING) {
      push_place(L, at);
      lua_insert(L, -2);
      lua_concat(L, 2);
      lua_setfield(L, err, "message");
      set_place(L, at);
    } else {
      lua_pop(L, 1);
    }
  }
  lua_error(L);
  for (;;) {} /* not reached */
}

void pgv_open_shape(lua_State *L) {
  luaL_newmetatable(L, PGV_ENCODER);
  lua_pushcfunction(L, encoder_len);
  lua_setfield(L, -2, "__len");
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, encoder_binary);
  lua_setfield(L, -2, "binary");
  lua_setfield(L, -2, "__index");
  luaL_newmetatable(L, PGV_DECODER);
  lua_pushcfunction(L, decoder_len);
  lua_setfield(L, -2, "__len");
  lua_pop(L, 2);
  lua_pushcfunction(L, encoder_new);
  lua_setfield(L, -2, "encoder");
  lua_pushcfunction(L, decoder_new);
  lua_setfield(L, -2, "decoder");
}
