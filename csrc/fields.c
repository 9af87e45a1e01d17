/*
** What the server reports, as Lua tables: errors of results, and notices.
** libpq hands notices to a callback in the middle of its work, where no Lua
** function may run; the callback copies them into a queue that Lua empties
** after the step.
*/
#include <stdlib.h>
#include <string.h>

#include "pq.h"

#define NOTICES_MAX 256

static const struct {
  char code;
  char number;
  const char *name;
} diag[] = {
    {PG_DIAG_SEVERITY_NONLOCALIZED, 0, "severity"},
    {PG_DIAG_SQLSTATE, 0, "sqlstate"},
    {PG_DIAG_MESSAGE_PRIMARY, 0, "message"},
    {PG_DIAG_MESSAGE_DETAIL, 0, "detail"},
    {PG_DIAG_MESSAGE_HINT, 0, "hint"},
    {PG_DIAG_STATEMENT_POSITION, 1, "position"},
    {PG_DIAG_INTERNAL_POSITION, 1, "internal_position"},
    {PG_DIAG_INTERNAL_QUERY, 0, "internal_query"},
    {PG_DIAG_CONTEXT, 0, "context"},
    {PG_DIAG_SCHEMA_NAME, 0, "schema"},
    {PG_DIAG_TABLE_NAME, 0, "table"},
    {PG_DIAG_COLUMN_NAME, 0, "column"},
    {PG_DIAG_DATATYPE_NAME, 0, "datatype"},
    {PG_DIAG_CONSTRAINT_NAME, 0, "constraint"},
    {PG_DIAG_SOURCE_FILE, 0, "file"},
    {PG_DIAG_SOURCE_LINE, 1, "line"},
    {PG_DIAG_SOURCE_FUNCTION, 0, "routine"},
};

#define NDIAG (sizeof diag / sizeof diag[0])

/* [-0, +1, m] a message without the line ends that libpq adds */
static void push_clean(lua_State *L, const char *s) {
  size_t n = strlen(s);
  while (n > 0 && (s[n - 1] == '\n' || s[n - 1] == ' ')) n--;
  lua_pushlstring(L, s, n);
}

/* [-0, +0, m] sets field i of the report on the top */
static void set_field(lua_State *L, size_t i, const char *value) {
  if (diag[i].number)
    lua_pushinteger(L, (lua_Integer)strtol(value, NULL, 10));
  else
    lua_pushstring(L, value);
  lua_setfield(L, -2, diag[i].name);
}

void pgv_push_report(lua_State *L, const PGresult *res) {
  size_t i;
  lua_createtable(L, 0, 8);
  for (i = 0; i < NDIAG; i++) {
    const char *value = PQresultErrorField(res, diag[i].code);
    if (value != NULL) set_field(L, i, value);
  }
  /* libpq's own errors have a text and nothing else */
  if (PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) == NULL) {
    push_clean(L, PQresultErrorMessage(res));
    lua_setfield(L, -2, "message");
  }
}

int pgv_fail(lua_State *L, const char *message) {
  lua_pushnil(L);
  lua_createtable(L, 0, 2);
  push_clean(L, message);
  lua_setfield(L, -2, "message");
  return 2;
}

/* ---- the queue of notices ---- */

typedef struct notice {
  struct notice *next;
  size_t n;
  char text[]; /* per field: its place in diag, then a C string */
} notice;

/*
** Shared by a connection and its results: a result keeps libpq's reference
** to the receiver, and may outlive the connection.
*/
struct pgv_notices {
  int refs;
  int count;
  lua_Integer dropped;
  notice *first, **last;
};

pgv_notices *pgv_notices_new(void) {
  pgv_notices *q = (pgv_notices *)malloc(sizeof *q);
  if (q == NULL) return NULL;
  q->refs = 1;
  q->count = 0;
  q->dropped = 0;
  q->first = NULL;
  q->last = &q->first;
  return q;
}

static void drop_first(pgv_notices *q) {
  notice *old = q->first;
  q->first = old->next;
  if (q->first == NULL) q->last = &q->first;
  q->count--;
  free(old);
}

pgv_notices *pgv_notices_ref(pgv_notices *q) {
  if (q != NULL) q->refs++;
  return q;
}

void pgv_notices_unref(pgv_notices *q) {
  if (q == NULL || --q->refs > 0) return;
  while (q->first != NULL) drop_first(q);
  free(q);
}

void pgv_notices_receive(void *arg, const PGresult *res) {
  pgv_notices *q = (pgv_notices *)arg;
  const char *value[NDIAG];
  size_t i, n = 0;
  notice *new_one;
  char *p;
  for (i = 0; i < NDIAG; i++) {
    value[i] = PQresultErrorField(res, diag[i].code);
    if (diag[i].code == PG_DIAG_MESSAGE_PRIMARY && value[i] == NULL)
      value[i] = PQresultErrorMessage(res); /* libpq's own warnings */
    if (value[i] != NULL) n += strlen(value[i]) + 2;
  }
  new_one = (notice *)malloc(sizeof *new_one + n);
  if (new_one == NULL) {
    q->dropped++;
    return;
  }
  new_one->next = NULL;
  new_one->n = n;
  p = new_one->text;
  for (i = 0; i < NDIAG; i++) {
    if (value[i] == NULL) continue;
    *p++ = (char)i;
    n = strlen(value[i]) + 1;
    memcpy(p, value[i], n);
    p += n;
  }
  *q->last = new_one;
  q->last = &new_one->next;
  if (++q->count > NOTICES_MAX) {
    drop_first(q);
    q->dropped++;
  }
}

/* [-0, +1, m] */
static void push_notice(lua_State *L, const notice *one) {
  const char *p = one->text, *end = p + one->n;
  lua_createtable(L, 0, 8);
  while (p < end) {
    size_t i = (size_t)*p++;
    set_field(L, i, p);
    p += strlen(p) + 1;
  }
}

void pgv_notices_drain(lua_State *L, pgv_notices *q) {
  int i = 0;
  if (q->count == 0 && q->dropped == 0) {
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, q->count, 1);
  while (q->first != NULL) {
    push_notice(L, q->first);
    lua_rawseti(L, -2, ++i);
    drop_first(q);
  }
  lua_pushinteger(L, q->dropped);
  lua_setfield(L, -2, "dropped");
  q->dropped = 0;
}
