/*
** Results: their description, and rows built wholly in C.
*/
#include <stdlib.h>
#include <string.h>

#include "pq.h"

/* ---- the box ---- */

typedef struct result {
  PGresult *pg; /* NULL: cleared */
  pgv_notices *notices;
  int readers; /* calls under way that read it */
} result;

void pgv_result_push(lua_State *L, pgv_conn *c) {
  result *r = (result *)lua_newuserdatauv(L, sizeof *r, 0);
  r->pg = NULL;
  r->notices = NULL;
  r->readers = 0;
  luaL_setmetatable(L, PGV_RESULT);
  r->notices = pgv_notices_ref(c->notices);
  r->pg = c->taken;
  c->taken = NULL;
}

static result *check_any(lua_State *L, int idx) {
  return (result *)luaL_checkudata(L, idx, PGV_RESULT);
}

const PGresult *pgv_check_result(lua_State *L, int idx) {
  result *r = check_any(L, idx);
  if (r->pg == NULL) pgv_raise(L, "InterfaceError", NULL, "result is closed");
  return r->pg;
}

static int result_clear(lua_State *L) {
  result *r = check_any(L, 1);
  PGresult *pg = r->pg;
  if (r->readers > 0) /* by a convert function */
    pgv_raise(L, "InterfaceError", NULL, "result is being read");
  r->pg = NULL;
  PQclear(pg);
  pgv_notices_unref(r->notices);
  r->notices = NULL;
  return 0;
}

static int result_tostring(lua_State *L) {
  result *r = check_any(L, 1);
  lua_pushfstring(L, r->pg ? PGV_RESULT " (%s)" : PGV_RESULT " (closed)",
                  r->pg ? PQcmdStatus(r->pg) : "");
  return 1;
}

/* ---- description ---- */

void pgv_push_status(lua_State *L, const PGresult *res) {
  const char *name;
  switch (PQresultStatus(res)) {
  case PGRES_EMPTY_QUERY: name = "empty_query"; break;
  case PGRES_COMMAND_OK: name = "command_ok"; break;
  case PGRES_TUPLES_OK: name = "tuples_ok"; break;
  case PGRES_COPY_OUT: name = "copy_out"; break;
  case PGRES_COPY_IN: name = "copy_in"; break;
  case PGRES_COPY_BOTH: name = "copy_both"; break;
  case PGRES_NONFATAL_ERROR: name = "nonfatal_error"; break;
  case PGRES_FATAL_ERROR: name = "fatal_error"; break;
  case PGRES_SINGLE_TUPLE: name = "single_tuple"; break;
#ifdef LIBPQ_HAS_CHUNK_MODE
  case PGRES_TUPLES_CHUNK: name = "tuples_chunk"; break;
#endif
  case PGRES_PIPELINE_SYNC: name = "pipeline_sync"; break;
  case PGRES_PIPELINE_ABORTED: name = "pipeline_aborted"; break;
  default: name = "bad_response";
  }
  lua_pushstring(L, name);
}

static int result_status(lua_State *L) {
  pgv_push_status(L, pgv_check_result(L, 1));
  return 1;
}

static int result_ntuples(lua_State *L) {
  lua_pushinteger(L, PQntuples(pgv_check_result(L, 1)));
  return 1;
}

/* [-0, +0, e] a column's number from 0 */
static int check_column(lua_State *L, const PGresult *r, int idx) {
  lua_Integer i = luaL_checkinteger(L, idx);
  if (i < 1 || i > PQnfields(r))
    pgv_raise(L, "InterfaceError", NULL, "column %ld is not in the result",
              (long)i);
  return (int)(i - 1);
}

static int result_name(lua_State *L) {
  const PGresult *r = pgv_check_result(L, 1);
  lua_pushstring(L, PQfname(r, check_column(L, r, 2)));
  return 1;
}

static int result_names(lua_State *L) {
  const PGresult *r = pgv_check_result(L, 1);
  int i, n = PQnfields(r);
  lua_createtable(L, n, 0);
  for (i = 0; i < n; i++) {
    lua_pushstring(L, PQfname(r, i));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* [-0, +1, m] a sequence of numbers, one per column */
static int push_numbers(lua_State *L,
                        lua_Integer (*get)(const PGresult *r, int i)) {
  const PGresult *r = pgv_check_result(L, 1);
  int i, n = PQnfields(r);
  lua_createtable(L, n, 0);
  for (i = 0; i < n; i++) {
    lua_pushinteger(L, get(r, i));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static lua_Integer get_oid(const PGresult *r, int i) {
  return (lua_Integer)PQftype(r, i);
}

static lua_Integer get_mod(const PGresult *r, int i) { return PQfmod(r, i); }

static int result_oids(lua_State *L) { return push_numbers(L, get_oid); }

static int result_mods(lua_State *L) { return push_numbers(L, get_mod); }

/* libpq's functions on the command tag do not take a const result */
static int result_cmd_status(lua_State *L) {
  pgv_check_result(L, 1);
  lua_pushstring(L, PQcmdStatus(check_any(L, 1)->pg));
  return 1;
}

/* the rows that the command touched, or nil */
static int result_cmd_tuples(lua_State *L) {
  const char *s;
  int64_t v;
  pgv_check_result(L, 1);
  s = PQcmdTuples(check_any(L, 1)->pg);
  if (pgv_text_int64(s, strlen(s), &v) <= 0) return 0;
  pgv_pushint64(L, v);
  return 1;
}

/* a string that is the same for results of the same shape: what a decoder
** depends on */
static int result_signature(lua_State *L) {
  const PGresult *r = pgv_check_result(L, 1);
  int i, n = PQnfields(r);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (i = 0; i < n; i++) {
    char oid[4];
    pgv_put32(oid, PQftype(r, i));
    luaL_addlstring(&b, oid, sizeof oid);
    luaL_addlstring(&b, PQfname(r, i), strlen(PQfname(r, i)) + 1);
  }
  luaL_pushresult(&b);
  return 1;
}

/* is this n bytes long string the signature of r? */
static int has_signature(const PGresult *r, const char *p, size_t n) {
  const char *end = p + n;
  int i, fields = PQnfields(r), same = 1;
  for (i = 0; same && i < fields; i++) {
    size_t size = strlen(PQfname(r, i)) + 1;
    same = (size_t)(end - p) >= 4 + size && pgv_get32(p) == PQftype(r, i) &&
           memcmp(p + 4, PQfname(r, i), size) == 0;
    p += 4 + size;
  }
  return same && p == end;
}

/*
** result:summary([signature]): what is asked of every result, in one call: its
** status, how many rows there are, whether it has this signature, and how many
** rows the command touched, or nil
*/
static int result_summary(lua_State *L) {
  const PGresult *r = pgv_check_result(L, 1);
  size_t n = 0;
  const char *signature = luaL_optlstring(L, 2, NULL, &n);
  pgv_push_status(L, r);
  lua_pushinteger(L, PQntuples(r));
  lua_pushboolean(L, signature != NULL && has_signature(r, signature, n));
  return 3 + result_cmd_tuples(L);
}

static int result_error(lua_State *L) {
  pgv_push_report(L, pgv_check_result(L, 1));
  return 1;
}

/* ---- rows ---- */

/* pgv_rows.cell of a result */
static int get_cell(const void *from, int row, int col, const char **p,
                    int *format) {
  const PGresult *r = (const PGresult *)from;
  if (PQgetisnull(r, row, col)) return -1;
  *p = PQgetvalue(r, row, col);
  *format = PQfformat(r, col);
  return PQgetlength(r, row, col);
}

/* the protected call's arguments */
typedef struct job {
  pgv_rows rows;
  int column;      /* from 0 */
  int first, last; /* rows from 0; last is past the end */
} job;

/* [protected, +1, e] a sequence of rows */
static int build_rows(lua_State *L) {
  job *j = (job *)lua_touserdata(L, PGV_ROWS_JOB);
  int row;
  lua_createtable(L, j->last - j->first, 0);
  pgv_rows_begin(L, &j->rows);
  for (row = j->first; row < j->last; row++) {
    pgv_push_row(L, &j->rows, row);
    lua_rawseti(L, PGV_ROWS_OUT, row - j->first + 1);
  }
  lua_settop(L, PGV_ROWS_OUT);
  return 1;
}

/* [protected, +1, e] a sequence of one column's values */
static int build_column(lua_State *L) {
  job *j = (job *)lua_touserdata(L, PGV_ROWS_JOB);
  int row;
  lua_createtable(L, j->last - j->first, 0);
  for (row = j->first; row < j->last; row++) {
    if (!pgv_push_cell(L, &j->rows, row, j->column))
      lua_pushlightuserdata(L, NULL);
    lua_rawseti(L, PGV_ROWS_OUT, row - j->first + 1);
  }
  return 1;
}

/* [protected, +1, e] one value */
static int build_value(lua_State *L) {
  job *j = (job *)lua_touserdata(L, PGV_ROWS_JOB);
  return pgv_push_cell(L, &j->rows, j->first, j->column);
}

/* [protected, +n, e] the values of one row */
static int build_values(lua_State *L) {
  job *j = (job *)lua_touserdata(L, PGV_ROWS_JOB);
  int i, n = j->rows.at.shape->n;
  luaL_checkstack(L, n + 20, "too many columns");
  for (i = 0; i < n; i++)
    if (!pgv_push_cell(L, &j->rows, j->first, i)) lua_pushnil(L);
  return n;
}

/* [-0, +0, e] a row's number from 0; `past`: the one after the last as well */
static int check_row(lua_State *L, const PGresult *r, int idx, int past) {
  lua_Integer i = luaL_checkinteger(L, idx);
  if (i < 1 || i > PQntuples(r) + past)
    pgv_raise(L, "InterfaceError", NULL, "row %ld is not in the result",
              (long)i);
  return (int)(i - 1);
}

/* [-0, +0, e] the job of a method (result, decoder, …); the result */
static const PGresult *job_init(lua_State *L, job *j) {
  const PGresult *r = pgv_check_result(L, 1);
  memset(j, 0, sizeof *j);
  j->rows.at.shape = pgv_check_decoder(L, 2);
  j->rows.at.noun = "column";
  j->rows.from = r;
  j->rows.cell = get_cell;
  j->last = PQntuples(r);
  if (j->rows.at.shape->n != PQnfields(r))
    pgv_raise(L, "InterfaceError", NULL,
              "decoder has %d columns, the result has %d", j->rows.at.shape->n,
              PQnfields(r));
  return r;
}

/* [-0, +0, e] the rows [first [, last]] of the arguments from idx */
static void job_range(lua_State *L, job *j, const PGresult *r, int idx) {
  if (!lua_isnoneornil(L, idx)) j->first = check_row(L, r, idx, 1);
  if (!lua_isnoneornil(L, idx + 1)) {
    lua_Integer last = luaL_checkinteger(L, idx + 1);
    if (last < j->last) j->last = last < 0 ? 0 : (int)last;
  }
  if (j->last < j->first) j->last = j->first;
}

/* [-0, +?, e] runs the job; what it pushed is the method's result */
static int job_run(lua_State *L, job *j, lua_CFunction body) {
  int top = lua_gettop(L), status;
  result *r = check_any(L, 1);
  lua_pushcfunction(L, body);
  lua_pushlightuserdata(L, j);
  lua_getiuservalue(L, 2, 1);
  r->readers++;
  status = lua_pcall(L, 2, LUA_MULTRET, 0);
  r->readers--;
  if (status != LUA_OK) pgv_raise_at(L, &j->rows.at);
  return lua_gettop(L) - top;
}

/* result:rows(decoder [, first [, last]]) → sequence of rows */
static int result_rows(lua_State *L) {
  job j;
  const PGresult *r = job_init(L, &j);
  job_range(L, &j, r, 3);
  return job_run(L, &j, build_rows);
}

/* the same with names only */
static int result_mappings(lua_State *L) {
  job j;
  const PGresult *r = job_init(L, &j);
  job_range(L, &j, r, 3);
  j.rows.mapping = 1;
  return job_run(L, &j, build_rows);
}

/* result:row(decoder, i) → row */
static int result_row(lua_State *L) {
  job j;
  const PGresult *r = job_init(L, &j);
  j.first = check_row(L, r, 3, 0);
  j.last = j.first + 1;
  job_run(L, &j, build_rows);
  lua_rawgeti(L, -1, 1);
  return 1;
}

/* result:column(decoder, column [, first [, last]]) → sequence */
static int result_column(lua_State *L) {
  job j;
  const PGresult *r = job_init(L, &j);
  j.column = check_column(L, r, 3);
  job_range(L, &j, r, 4);
  return job_run(L, &j, build_column);
}

/* result:value(decoder, row, column) → value, nil for NULL */
static int result_value(lua_State *L) {
  job j;
  const PGresult *r = job_init(L, &j);
  j.first = check_row(L, r, 3, 0);
  j.column = check_column(L, r, 4);
  return job_run(L, &j, build_value);
}

/* result:values(decoder, row) → value, value, … */
static int result_values(lua_State *L) {
  job j;
  const PGresult *r = job_init(L, &j);
  j.first = check_row(L, r, 3, 0);
  return job_run(L, &j, build_values);
}

static const luaL_Reg result_methods[] = {
    {"status", result_status},
    {"ntuples", result_ntuples},
    {"name", result_name},
    {"names", result_names},
    {"oids", result_oids},
    {"mods", result_mods},
    {"signature", result_signature},
    {"summary", result_summary},
    {"cmd_status", result_cmd_status},
    {"cmd_tuples", result_cmd_tuples},
    {"error", result_error},
    {"rows", result_rows},
    {"mappings", result_mappings},
    {"row", result_row},
    {"column", result_column},
    {"value", result_value},
    {"values", result_values},
    {"clear", result_clear},
    {NULL, NULL},
};

static const luaL_Reg result_meta[] = {
    {"__gc", result_clear},
    {"__close", result_clear},
    {"__tostring", result_tostring},
    {NULL, NULL},
};

void pgv_open_result(lua_State *L) {
  luaL_newmetatable(L, PGV_RESULT);
  luaL_setfuncs(L, result_meta, 0);
  luaL_newlib(L, result_methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
