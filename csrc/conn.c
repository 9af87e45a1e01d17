/*
** A connection's life and state. Every step returns at once; the loops that
** wait are in Lua. What fails at the server or on the way to it gives nil and
** a report, what is wrong in the call raises.
*/
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "pq.h"
#include "thread.h"

/* ---- the box ---- */

static pgv_conn *check_any(lua_State *L, int idx) {
  return (pgv_conn *)luaL_checkudata(L, idx, PGV_CONN);
}

/* frees what is on its way from libpq into a value */
static void drop_leftovers(pgv_conn *c) {
  if (c->held != NULL) PQfreemem(c->held);
  c->held = NULL;
  PQclear(c->taken);
  c->taken = NULL;
}

pgv_conn *pgv_check_conn(lua_State *L, int idx) {
  pgv_conn *c = check_any(L, idx);
  if (c->pg == NULL)
    pgv_raise(L, "InterfaceError", NULL, "connection is closed");
  drop_leftovers(c); /* a memory error cut the last call short */
  return c;
}

int pgv_conn_fail(lua_State *L, pgv_conn *c) {
  return pgv_fail(L, PQerrorMessage(c->pg));
}

int pgv_conn_ok(lua_State *L, pgv_conn *c, int ok) {
  if (!ok) return pgv_conn_fail(L, c);
  lua_pushboolean(L, 1);
  return 1;
}

const char *pgv_check_cstring(lua_State *L, int idx) {
  size_t n;
  const char *s = luaL_checklstring(L, idx, &n);
  if (memchr(s, '\0', n) != NULL) pgv_argerror(L, "embedded zero byte");
  return s;
}

/*
** Takes libpq's connection out of the box to end it, or returns NULL if that
** is done. A forked child must not say goodbye to the server in its parent's
** name: it closes its copy of the descriptor and forgets the connection.
*/
static PGconn *take_out(pgv_conn *c) {
  PGconn *pg = c->pg;
  c->pg = NULL;
  drop_leftovers(c);
  pgv_buf_free(&c->scratch);
  if (pg == NULL) return NULL;
  pgv_bridge_forget(PQsocket(pg));
  if (c->pid == getpid()) return pg;
  if (PQsocket(pg) >= 0) close(PQsocket(pg));
  return NULL;
}

static int conn_finish(lua_State *L) {
  PQfinish(take_out(check_any(L, 1))); /* NULL is no connection to it */
  return 0;
}

static void ignore_notice(void *arg, const PGresult *res) {
  (void)arg;
  (void)res;
}

static void cancel_and_finish(void *arg) {
  PGconn *pg = (PGconn *)arg;
  char message[256];
  PGcancel *cancel = PQgetCancel(pg);
  if (cancel != NULL) PQcancel(cancel, message, sizeof message);
  PQfreeCancel(cancel);
  PQfinish(pg);
}

/*
** conn:abandon() finishes a connection that is in the middle of something. The
** server is asked to stop, or it would notice only at its end that nobody
** listens; a thread of its own does so, because asking may take a while.
*/
static int conn_abandon(lua_State *L) {
  pgv_conn *c = check_any(L, 1);
  PGconn *pg = take_out(c);
  if (pg == NULL) return 0;
  PQsetNoticeReceiver(pg, ignore_notice, NULL); /* the queue is Lua's */
  if (PQtransactionStatus(pg) != PQTRANS_ACTIVE ||
      pgv_thread_run(cancel_and_finish, pg) != 0)
    PQfinish(pg);
  return 0;
}

static int conn_gc(lua_State *L) {
  pgv_conn *c = check_any(L, 1);
  conn_finish(L);
  pgv_notices_unref(c->notices);
  c->notices = NULL;
  return 0;
}

static int conn_tostring(lua_State *L) {
  pgv_conn *c = check_any(L, 1);
  if (c->pg == NULL)
    lua_pushfstring(L, PGV_CONN " (closed)");
  else
    lua_pushfstring(L, PGV_CONN " (%p)", (void *)c);
  return 1;
}

/* ---- state ---- */

static int conn_status(lua_State *L) {
  pgv_conn *c = check_any(L, 1);
  switch (PQstatus(c->pg)) {
  case CONNECTION_OK: lua_pushliteral(L, "ok"); break;
  case CONNECTION_BAD: lua_pushliteral(L, "bad"); break;
  default: lua_pushliteral(L, "connecting");
  }
  return 1;
}

static int conn_transaction_status(lua_State *L) {
  pgv_conn *c = check_any(L, 1);
  switch (PQtransactionStatus(c->pg)) {
  case PQTRANS_IDLE: lua_pushliteral(L, "idle"); break;
  case PQTRANS_ACTIVE: lua_pushliteral(L, "active"); break;
  case PQTRANS_INTRANS: lua_pushliteral(L, "intrans"); break;
  case PQTRANS_INERROR: lua_pushliteral(L, "inerror"); break;
  default: lua_pushliteral(L, "unknown");
  }
  return 1;
}

static int conn_pipeline_status(lua_State *L) {
  pgv_conn *c = check_any(L, 1);
  switch (PQpipelineStatus(c->pg)) {
  case PQ_PIPELINE_ON: lua_pushliteral(L, "on"); break;
  case PQ_PIPELINE_ABORTED: lua_pushliteral(L, "aborted"); break;
  default: lua_pushliteral(L, "off");
  }
  return 1;
}

static int conn_socket(lua_State *L) {
  lua_pushinteger(L, PQsocket(pgv_check_conn(L, 1)->pg));
  return 1;
}

static int conn_parameter(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  lua_pushstring(L, PQparameterStatus(c->pg, pgv_check_cstring(L, 2)));
  return 1;
}

static int conn_server_version(lua_State *L) {
  lua_pushinteger(L, PQserverVersion(pgv_check_conn(L, 1)->pg));
  return 1;
}

static int conn_backend_pid(lua_State *L) {
  lua_pushinteger(L, PQbackendPID(pgv_check_conn(L, 1)->pg));
  return 1;
}

static int conn_is_encrypted(lua_State *L) {
  lua_pushboolean(L, PQsslInUse(pgv_check_conn(L, 1)->pg));
  return 1;
}

static int conn_error_message(lua_State *L) {
  pgv_conn_fail(L, pgv_check_conn(L, 1));
  lua_getfield(L, -1, "message");
  return 1;
}

/* where the connection goes: never the password */
static int conn_info(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  lua_createtable(L, 0, 4);
  lua_pushstring(L, PQhost(c->pg));
  lua_setfield(L, -2, "host");
  lua_pushstring(L, PQport(c->pg));
  lua_setfield(L, -2, "port");
  lua_pushstring(L, PQdb(c->pg));
  lua_setfield(L, -2, "dbname");
  lua_pushstring(L, PQuser(c->pg));
  lua_setfield(L, -2, "user");
  return 1;
}

static int conn_set_nonblocking(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  return pgv_conn_ok(L, c, PQsetnonblocking(c->pg, 1) == 0);
}

/* ---- what cqueues asks of something it can wait for ---- */

static int conn_events(lua_State *L) {
  lua_pushstring(L, pgv_check_conn(L, 1)->events);
  return 1;
}

static int conn_timeout(lua_State *L) {
  pgv_check_conn(L, 1);
  lua_pushnil(L);
  return 1;
}

/* ---- notices, notifications, quoting, cancelling ---- */

static int conn_notices(lua_State *L) {
  pgv_conn *c = check_any(L, 1);
  if (c->notices == NULL) return 0;
  pgv_notices_drain(L, c->notices);
  return 1;
}

static int conn_notifies(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  PGnotify *notify;
  int n = 0;
  lua_pushnil(L);
  while ((notify = PQnotifies(c->pg)) != NULL) {
    c->held = notify;
    if (n == 0) lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, notify->relname);
    lua_setfield(L, -2, "channel");
    lua_pushstring(L, notify->extra);
    lua_setfield(L, -2, "payload");
    lua_pushinteger(L, notify->be_pid);
    lua_setfield(L, -2, "pid");
    lua_rawseti(L, -2, ++n);
    c->held = NULL;
    PQfreemem(notify);
  }
  return 1;
}

/* [-0, +1|2, m] pushes a string of libpq's and frees it */
static int give_string(lua_State *L, pgv_conn *c, char *s) {
  if (s == NULL) return pgv_conn_fail(L, c);
  c->held = s;
  lua_pushstring(L, s);
  c->held = NULL;
  PQfreemem(s);
  return 1;
}

static int conn_escape_identifier(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  const char *s = pgv_check_cstring(L, 2);
  return give_string(L, c, PQescapeIdentifier(c->pg, s, strlen(s)));
}

static int conn_escape_literal(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  const char *s = pgv_check_cstring(L, 2);
  return give_string(L, c, PQescapeLiteral(c->pg, s, strlen(s)));
}

/* asks the server to stop what it does; the one call that waits */
static int conn_cancel(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  char message[256] = "no connection to the server";
  PGcancel *cancel = PQgetCancel(c->pg);
  int ok = cancel != NULL && PQcancel(cancel, message, sizeof message);
  PQfreeCancel(cancel);
  if (!ok) return pgv_fail(L, message);
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg conn_methods[] = {
    {"socket", conn_socket},
    {"status", conn_status},
    {"transaction_status", conn_transaction_status},
    {"pipeline_status", conn_pipeline_status},
    {"parameter", conn_parameter},
    {"server_version", conn_server_version},
    {"backend_pid", conn_backend_pid},
    {"is_encrypted", conn_is_encrypted},
    {"error_message", conn_error_message},
    {"info", conn_info},
    {"set_nonblocking", conn_set_nonblocking},
    {"pollfd", conn_socket},
    {"events", conn_events},
    {"timeout", conn_timeout},
    {"notices", conn_notices},
    {"notifies", conn_notifies},
    {"escape_identifier", conn_escape_identifier},
    {"escape_literal", conn_escape_literal},
    {"cancel", conn_cancel},
    {"abandon", conn_abandon},
    {"finish", conn_finish},
    {NULL, NULL},
};

static const luaL_Reg conn_meta[] = {
    {"__gc", conn_gc},
    {"__close", conn_finish},
    {"__tostring", conn_tostring},
    {NULL, NULL},
};

void pgv_open_conn(lua_State *L) {
  luaL_newmetatable(L, PGV_CONN);
  luaL_setfuncs(L, conn_meta, 0);
  luaL_newlib(L, conn_methods);
  luaL_setfuncs(L, pgv_connect_methods, 0);
  luaL_setfuncs(L, pgv_query_methods, 0);
  luaL_setfuncs(L, pgv_params_methods, 0);
  luaL_setfuncs(L, pgv_copy_methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  pgv_open_connect(L);
  pgv_open_connector(L);
}
