/*
** Steps of a conversation that carry no parameters: send, flush, consume,
** results, pipelines.
*/
#include <string.h>

#include "pq.h"

static int conn_send_query(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  const char *sql = pgv_check_cstring(L, 2);
  return pgv_conn_ok(L, c, PQsendQuery(c->pg, sql));
}

static int conn_send_describe_prepared(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  const char *name = pgv_check_cstring(L, 2);
  return pgv_conn_ok(L, c, PQsendDescribePrepared(c->pg, name));
}

/* conn:set_chunked_rows(n): the rows of what was just sent come n by n as they
** arrive; before libpq 17, one by one */
static int conn_set_chunked_rows(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  int ok = 0, n = (int)luaL_checkinteger(L, 2);
#ifdef LIBPQ_HAS_CHUNK_MODE
  if (n > 1) ok = PQsetChunkedRowsMode(c->pg, n);
#else
  (void)n;
#endif
  if (!ok) ok = PQsetSingleRowMode(c->pg);
  lua_pushboolean(L, ok);
  return 1;
}

/* conn:send_close_prepared(name): a message of its own, which proxies
** understand; before libpq 17, DEALLOCATE */
static int conn_send_close_prepared(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  const char *name = pgv_check_cstring(L, 2);
#ifdef LIBPQ_HAS_CLOSE_PREPARED
  return pgv_conn_ok(L, c, PQsendClosePrepared(c->pg, name));
#else
  const char *sql;
  char *quoted = PQescapeIdentifier(c->pg, name, strlen(name));
  if (quoted == NULL) return pgv_conn_fail(L, c);
  c->held = quoted;
  sql = lua_pushfstring(L, "DEALLOCATE %s", quoted);
  c->held = NULL;
  PQfreemem(quoted);
  return pgv_conn_ok(
      L, c, PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 0));
#endif
}

/* true: all is sent; false: wait for "rw" (consume when readable), repeat */
static int conn_flush(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  int left = PQflush(c->pg);
  if (left < 0) return pgv_conn_fail(L, c);
  c->events = left ? "rw" : "r";
  lua_pushboolean(L, !left);
  return 1;
}

static int conn_consume_input(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  return pgv_conn_ok(L, c, PQconsumeInput(c->pg));
}

static int conn_is_busy(lua_State *L) {
  lua_pushboolean(L, PQisBusy(pgv_check_conn(L, 1)->pg));
  return 1;
}

/* [-0, +2, m] c->taken and its status */
static int push_result(lua_State *L, pgv_conn *c) {
  const PGresult *res = c->taken;
  pgv_result_push(L, c);
  pgv_push_status(L, res);
  return 2;
}

/* false: not here yet, consume input and repeat; nil: there are no more; or a
** result and its status */
static int conn_get_result(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  if (PQisBusy(c->pg)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  c->taken = PQgetResult(c->pg);
  if (c->taken == NULL) {
    lua_pushnil(L);
    return 1;
  }
  return push_result(L, c);
}

/*
** conn:take_results(steps, first, last): in a pipeline, the answers that have
** arrived. An item of `steps` stands for a command, `false` for a
** synchronisation point; those from `first` to `last` await their answers.
** A command that succeeded gets its `result`. Items that are through are
** removed. Returns the first item that is left; and if the caller has to see
** to it, because the item has a field `done` or is no plain success, its
** result and its status. "bad" without a result: nothing will come any more.
*/
static int conn_take_results(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  int first = (int)luaL_checkinteger(L, 3);
  int last = (int)luaL_checkinteger(L, 4);
  int nothing = 0; /* answers at a synchronisation point */
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  while (first <= last && !PQisBusy(c->pg)) {
    int through = 0;
    c->taken = PQgetResult(c->pg);
    lua_rawgeti(L, 2, first);
    if (c->taken == NULL) { /* the end of a command's answers */
      through = lua_toboolean(L, -1);
      nothing = through ? 0 : nothing + 1;
      if (PQstatus(c->pg) == CONNECTION_BAD || nothing > 1) {
        lua_pushinteger(L, first);
        lua_pushnil(L);
        lua_pushliteral(L, "bad");
        return 3;
      }
    } else {
      ExecStatusType status = PQresultStatus(c->taken);
      int plain = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ||
                  status == PGRES_EMPTY_QUERY;
      if (plain && lua_istable(L, -1)) {
        lua_pushliteral(L, "done");
        lua_rawget(L, -2);
        plain = lua_isnil(L, -1);
        lua_pop(L, 1);
      }
      if (status == PGRES_PIPELINE_SYNC && lua_isboolean(L, -1)) {
        PQclear(c->taken);
        c->taken = NULL;
        through = 1;
      } else if (plain && lua_istable(L, -1)) {
        lua_pushliteral(L, "result");
        pgv_result_push(L, c);
        lua_rawset(L, -3);
      } else {
        lua_pushinteger(L, first);
        return 1 + push_result(L, c);
      }
    }
    if (through) {
      lua_pushnil(L);
      lua_rawseti(L, 2, first++);
    }
    lua_settop(L, 2);
  }
  lua_pushinteger(L, first);
  return 1;
}

static int conn_enter_pipeline(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  return pgv_conn_ok(L, c, PQenterPipelineMode(c->pg));
}

static int conn_exit_pipeline(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  return pgv_conn_ok(L, c, PQexitPipelineMode(c->pg));
}

static int conn_pipeline_sync(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
  return pgv_conn_ok(L, c, PQsendPipelineSync(c->pg)); /* does not flush */
#else
  return pgv_conn_ok(L, c, PQpipelineSync(c->pg));
#endif
}

const luaL_Reg pgv_query_methods[] = {
    {"send_query", conn_send_query},
    {"send_describe_prepared", conn_send_describe_prepared},
    {"set_chunked_rows", conn_set_chunked_rows},
    {"send_close_prepared", conn_send_close_prepared},
    {"flush", conn_flush},
    {"consume_input", conn_consume_input},
    {"is_busy", conn_is_busy},
    {"get_result", conn_get_result},
    {"take_results", conn_take_results},
    {"enter_pipeline", conn_enter_pipeline},
    {"exit_pipeline", conn_exit_pipeline},
    {"pipeline_sync", conn_pipeline_sync},
    {NULL, NULL},
};

void pgv_open_libpq(lua_State *L) {
  pgv_open_conn(L);
  pgv_open_shape(L);
  pgv_open_result(L);
  pgv_open_copy(L);
  pgv_open_copy_reader(L);
  pgv_open_codec(L);
  lua_pushinteger(L, PQlibVersion());
  lua_setfield(L, -2, "libpq_version");
}
