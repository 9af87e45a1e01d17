/*
** Connecting, step by step, and the texts that tell where to.
*/
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "pq.h"
#include "thread.h"

/* ---- connection strings ---- */

#define CONNINFO "pgvector.conninfo"

typedef struct conninfo {
  PQconninfoOption *options;
} conninfo;

static int conninfo_gc(lua_State *L) {
  conninfo *box = (conninfo *)lua_touserdata(L, 1);
  PQconninfoFree(box->options);
  box->options = NULL;
  return 0;
}

/* [-0, +1, m] an empty box */
static conninfo *new_conninfo(lua_State *L) {
  conninfo *box = (conninfo *)lua_newuserdatauv(L, sizeof *box, 0);
  box->options = NULL;
  if (luaL_newmetatable(L, CONNINFO)) {
    lua_pushcfunction(L, conninfo_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return box;
}

/* core.parse_conninfo(text) → { keyword = value, … } of a URL or a string
** of keywords, or nil and a report */
static int parse_conninfo(lua_State *L) {
  const char *text = pgv_check_cstring(L, 1);
  char *message = NULL;
  const PQconninfoOption *o;
  conninfo *box = new_conninfo(L);
  box->options = PQconninfoParse(text, &message);
  if (box->options == NULL) {
    char copy[256];
    snprintf(copy, sizeof copy, "%s", message ? message : "out of memory");
    PQfreemem(message);
    return pgv_fail(L, copy);
  }
  lua_newtable(L);
  for (o = box->options; o->keyword != NULL; o++) {
    if (o->val == NULL) continue;
    lua_pushstring(L, o->val);
    lua_setfield(L, -2, o->keyword);
  }
  return 1;
}

/* ---- what a failure says ---- */

/* [-0, +0, -] the place in line p..end of `:  28P01: `, or NULL */
static const char *find_sqlstate(const char *p, const char *end) {
  for (; end - p >= 10; p++) {
    int i;
    if (memcmp(p, ":  ", 3) != 0 || p[8] != ':' || p[9] != ' ') continue;
    for (i = 3; i < 8; i++)
      if ((p[i] < '0' || p[i] > '9') && (p[i] < 'A' || p[i] > 'Z')) break;
    if (i == 8) return p;
  }
  return NULL;
}

/*
** [-0, +2, m] nil and a report. libpq keeps no fields of the error that ends
** an attempt to connect; its verbose text has the SQLSTATE, and more that is
** of no use. With several hosts the last one's counts.
*/
int pgv_connect_fail(lua_State *L, pgv_conn *c) {
  const char *p = PQerrorMessage(c->pg);
  char sqlstate[6] = "";
  pgv_buf *message = pgv_buf_new(L);
  while (*p != '\0') {
    const char *end = p + strcspn(p, "\n");
    const char *state = find_sqlstate(p, end);
    end += *end == '\n';
    if (state != NULL) {
      memcpy(sqlstate, state + 3, 5);
      pgv_buf_add(L, message, p, (size_t)(state + 3 - p));
      p = state + 10;
    }
    if (strncmp(p, "LOCATION:  ", 11) != 0)
      pgv_buf_add(L, message, p, (size_t)(end - p));
    p = end;
  }
  pgv_buf_add(L, message, "", 1);
  pgv_fail(L, message->p);
  if (sqlstate[0] != '\0') {
    lua_pushstring(L, sqlstate);
    lua_setfield(L, -2, "sqlstate");
  }
  return 2;
}

/* ---- the steps ---- */

int pgv_collect_keywords(lua_State *L) {
  int n = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      pgv_argerror(L,
                   "connection keywords and their values are strings, "
                   "got %s = %s",
                   luaL_typename(L, -2), luaL_typename(L, -1));
    pgv_check_cstring(L, -2);
    pgv_check_cstring(L, -1);
    lua_rawseti(L, -3, 2 * n + 2);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, 2 * n + 1);
    n++;
  }
  return n;
}

pgv_conn *pgv_conn_new(lua_State *L) {
  pgv_conn *c = (pgv_conn *)lua_newuserdatauv(L, sizeof *c, 0);
  memset(c, 0, sizeof *c);
  c->pid = pgv_pid();
  c->events = "w";
  luaL_setmetatable(L, PGV_CONN);
  return c;
}

void pgv_conn_prepare(PGconn *pg, pgv_notices *notices) {
  PQsetNoticeReceiver(pg, pgv_notices_receive, notices);
  PQsetErrorVerbosity(pg, PQERRORS_VERBOSE); /* it has the SQLSTATE */
}

/* core.connect_start(keywords) → connection, or nil and a report; the table
** keeps the strings alive */
static int connect_start(lua_State *L) {
  int i, n = pgv_collect_keywords(L);
  size_t count = (size_t)n + 1;
  const char **keys =
      (const char **)lua_newuserdatauv(L, 2 * count * sizeof *keys, 0);
  const char **values = keys + count;
  pgv_conn *c = pgv_conn_new(L);
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, 2, 2 * i + 1);
    lua_rawgeti(L, 2, 2 * i + 2);
    keys[i] = lua_tostring(L, -2);
    values[i] = lua_tostring(L, -1);
    lua_pop(L, 2);
  }
  keys[n] = values[n] = NULL;
  c->notices = pgv_notices_new();
  if (c->notices == NULL) return luaL_error(L, "not enough memory");
  c->pg = PQconnectStartParams(keys, values, 0);
  if (c->pg == NULL) return luaL_error(L, "not enough memory");
  pgv_conn_prepare(c->pg, c->notices);
  if (PQstatus(c->pg) == CONNECTION_BAD) return pgv_connect_fail(L, c);
  return 1;
}

/* "r", "w", "ok", or nil and a report */
static int conn_connect_poll(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  if (PQstatus(c->pg) == CONNECTION_BAD) return pgv_connect_fail(L, c);
  if (!c->polled) { /* libpq: act as if the first answer was "writing" */
    c->polled = 1;
  } else {
    pgv_bridge_forget(PQsocket(c->pg)); /* libpq may close it */
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING: c->events = "r"; break;
    case PGRES_POLLING_WRITING: c->events = "w"; break;
    case PGRES_POLLING_OK:
      c->events = "r";
      PQsetErrorVerbosity(c->pg, PQERRORS_DEFAULT);
      lua_pushliteral(L, "ok");
      return 1;
    default: return pgv_connect_fail(L, c);
    }
  }
  lua_pushstring(L, c->events);
  return 1;
}

const char *pgv_keyword(const PQconninfoOption *options, const char *keyword) {
  for (; options != NULL && options->keyword != NULL; options++)
    if (strcmp(options->keyword, keyword) == 0) return options->val;
  return NULL;
}

/* conn:keyword(name) → the setting that is in use, whatever it comes from;
** nil without one. Secrets stay secret. */
static int conn_keyword(lua_State *L) {
  pgv_conn *c = pgv_check_conn(L, 1);
  const char *name = pgv_check_cstring(L, 2);
  conninfo *box;
  if (strstr(name, "password") != NULL) return 0;
  box = new_conninfo(L);
  box->options = PQconninfo(c->pg);
  if (box->options == NULL) return luaL_error(L, "not enough memory");
  lua_pushstring(L, pgv_keyword(box->options, name));
  return 1;
}

/* what tells the addresses apart that libpq tries one after the other */
void pgv_place_of(const PGconn *pg, char *place, size_t size) {
  snprintf(place, size, "%s %s %s", PQhost(pg), PQhostaddr(pg), PQport(pg));
}

static int conn_place(lua_State *L) {
  char place[PGV_PLACE];
  pgv_place_of(pgv_check_conn(L, 1)->pg, place, sizeof place);
  lua_pushstring(L, place);
  return 1;
}

const luaL_Reg pgv_connect_methods[] = {
    {"connect_poll", conn_connect_poll},
    {"keyword", conn_keyword},
    {"place", conn_place},
    {NULL, NULL},
};

void pgv_open_connect(lua_State *L) {
  lua_pushcfunction(L, connect_start);
  lua_setfield(L, -2, "connect_start");
  lua_pushcfunction(L, parse_conninfo);
  lua_setfield(L, -2, "parse_conninfo");
}
