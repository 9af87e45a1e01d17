/*
** Steps of a conversation that carry no parameters: send, flush, consume,
** results, pipelines.
*/
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

static int conn_set_single_row_mode(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  lua_pushboolean(L, PQsetSingleRowMode(c->pg));
  return 1;
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

/* a result, or nil at the end; call it when is_busy says no */
static int conn_get_result(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  PGresult **box = pgv_result_new(L, c->notices);
  *box = PQgetResult(c->pg);
  if (*box == NULL) lua_pushnil(L);
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
  return pgv_conn_ok(L, c, PQpipelineSync(c->pg));
}

static int conn_send_flush_request(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  return pgv_conn_ok(L, c, PQsendFlushRequest(c->pg));
}

const luaL_Reg pgv_query_methods[] = {
    {"send_query", conn_send_query},
    {"send_describe_prepared", conn_send_describe_prepared},
    {"set_single_row_mode", conn_set_single_row_mode},
    {"flush", conn_flush},
    {"consume_input", conn_consume_input},
    {"is_busy", conn_is_busy},
    {"get_result", conn_get_result},
    {"enter_pipeline", conn_enter_pipeline},
    {"exit_pipeline", conn_exit_pipeline},
    {"pipeline_sync", conn_pipeline_sync},
    {"send_flush_request", conn_send_flush_request},
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
