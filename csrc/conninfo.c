/*
** URLs and keyword strings, taken apart by libpq itself.
*/
#include "pq.h"

#define PARSED "pgvector.conninfo"

/* libpq's memory while it becomes a table */
typedef struct parsed {
  PQconninfoOption *options;
  char *message;
} parsed;

static int parsed_gc(lua_State *L) {
  parsed *p = (parsed *)lua_touserdata(L, 1);
  PQconninfoFree(p->options);
  PQfreemem(p->message);
  p->options = NULL;
  p->message = NULL;
  return 0;
}

static parsed *parsed_new(lua_State *L) {
  parsed *p = (parsed *)lua_newuserdatauv(L, sizeof *p, 0);
  p->options = NULL;
  p->message = NULL;
  if (luaL_newmetatable(L, PARSED)) {
    lua_pushcfunction(L, parsed_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return p;
}

/* core.parse_conninfo(text): keyword → value of those it names, or nil, err */
static int parse_conninfo(lua_State *L) {
  const char *text = pgv_check_cstring(L, 1);
  parsed *p = parsed_new(L);
  const PQconninfoOption *o;
  p->options = PQconninfoParse(text, &p->message);
  if (p->options == NULL)
    return pgv_fail(L, p->message ? p->message : "out of memory");
  lua_newtable(L);
  for (o = p->options; o->keyword != NULL; o++) {
    if (o->val == NULL) continue;
    lua_pushstring(L, o->val);
    lua_setfield(L, -2, o->keyword);
  }
  return 1;
}

void pgv_open_conninfo(lua_State *L) {
  lua_pushcfunction(L, parse_conninfo);
  lua_setfield(L, -2, "parse_conninfo");
}
