/*
** Arrays from the server become nested sequences; NULL elements are null.
*/
#include <string.h>

#include "pq.h"

#define MAX_DIMS 6 /* PostgreSQL's MAXDIM */

/* what is left to read */
typedef struct input {
  const char *p, *end;
  const pgv_kind *kind;
  int ndim, size[MAX_DIMS];
} input;

PGV_NORETURN static void malformed(lua_State *L) { pgv_malformed(L, "array"); }

static void push_null(lua_State *L) { lua_pushlightuserdata(L, NULL); }

/* ---- binary ---- */

/* [-0, +0, e] */
static int32_t next_int(lua_State *L, input *in) {
  int32_t v;
  if (in->end - in->p < 4) malformed(L);
  v = (int32_t)pgv_get32(in->p);
  in->p += 4;
  return v;
}

/* [-0, +1, e] */
static void recv_element(lua_State *L, input *in) {
  int32_t n = next_int(L, in);
  const char *p = in->p;
  if (n == -1) {
    push_null(L);
    return;
  }
  if (n < 0 || n > in->end - p) malformed(L);
  in->p += n;
  in->kind->recv(L, p, (size_t)n);
}

/* [-0, +1, e] */
static void recv_level(lua_State *L, input *in, int depth) {
  int i;
  lua_createtable(L, in->size[depth], 0);
  for (i = 1; i <= in->size[depth]; i++) {
    if (depth + 1 < in->ndim)
      recv_level(L, in, depth + 1);
    else
      recv_element(L, in);
    lua_rawseti(L, -2, i);
  }
}

void pgv_array_recv(lua_State *L, const char *p, size_t n, const pgv_kind *k) {
  input in;
  int64_t items = 1;
  int i;
  memset(&in, 0, sizeof in);
  in.p = p;
  in.end = p + n;
  in.kind = k;
  luaL_checkstack(L, 2 * MAX_DIMS + 10, "array");
  in.ndim = next_int(L, &in);
  next_int(L, &in); /* has it NULLs? */
  next_int(L, &in); /* the elements' OID */
  if (in.ndim < 0 || in.ndim > MAX_DIMS) malformed(L);
  for (i = 0; i < in.ndim; i++) {
    in.size[i] = next_int(L, &in);
    next_int(L, &in); /* the first index */
    if (in.size[i] < 0) malformed(L);
    items *= in.size[i];
    if (items > (in.end - p) / 4) malformed(L); /* each has a length word */
  }
  if (in.ndim == 0)
    lua_newtable(L);
  else
    recv_level(L, &in, 0);
  if (in.p != in.end) malformed(L);
}

/* ---- text ---- */

/* [-0, +1, e] "…", with backslashes; the opening quote is behind us */
static void parse_quoted(lua_State *L, input *in) {
  const char *start = in->p, *p;
  int escaped = 0;
  while (in->p < in->end && *in->p != '"') {
    if (*in->p == '\\') {
      escaped = 1;
      if (++in->p == in->end) malformed(L);
    }
    in->p++;
  }
  if (in->p == in->end) malformed(L);
  p = start;
  if (!escaped) {
    in->kind->parse(L, p, (size_t)(in->p - p));
  } else {
    char *copy = (char *)lua_newuserdatauv(L, (size_t)(in->p - p), 0);
    size_t n = 0;
    for (; p < in->p; p++) {
      if (*p == '\\') p++;
      copy[n++] = *p;
    }
    in->kind->parse(L, copy, n);
    lua_remove(L, -2);
  }
  in->p++; /* the closing quote */
}

/* [-0, +1, e] up to a comma or brace; NULL without quotes is null */
static void parse_bare(lua_State *L, input *in) {
  const char *start = in->p;
  size_t n;
  while (in->p < in->end && strchr(",{}\"\\", *in->p) == NULL) in->p++;
  n = (size_t)(in->p - start);
  if (n == 0) malformed(L);
  if (n == 4 && memcmp(start, "NULL", 4) == 0)
    push_null(L);
  else
    in->kind->parse(L, start, n);
}

/* [-0, +1, e] one level; the opening brace is behind us */
static void parse_level(lua_State *L, input *in, int depth) {
  int i = 0;
  if (depth == MAX_DIMS) malformed(L);
  lua_newtable(L);
  if (in->p < in->end && *in->p == '}') {
    in->p++;
    return;
  }
  for (;;) {
    if (in->p == in->end) malformed(L);
    if (*in->p == '{') {
      in->p++;
      parse_level(L, in, depth + 1);
    } else if (*in->p == '"') {
      in->p++;
      parse_quoted(L, in);
    } else {
      parse_bare(L, in);
    }
    lua_rawseti(L, -2, ++i);
    if (in->p == in->end) malformed(L);
    if (*in->p == '}') break;
    if (*in->p != ',') malformed(L);
    in->p++;
  }
  in->p++;
}

void pgv_array_parse(lua_State *L, const char *p, size_t n, const pgv_kind *k) {
  input in;
  memset(&in, 0, sizeof in);
  in.end = p + n;
  in.kind = k;
  luaL_checkstack(L, 2 * MAX_DIMS + 10, "array");
  if (n > 0 && p[0] == '[') { /* bounds that do not start at 1: [0:2]={…} */
    const char *body = (const char *)memchr(p, '=', n);
    p = body != NULL ? body + 1 : in.end;
  }
  if (p == in.end || *p != '{') malformed(L);
  in.p = p + 1;
  parse_level(L, &in, 0);
  if (in.p != in.end) malformed(L);
}
