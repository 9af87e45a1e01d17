/*
** From what the server sends to Lua values: what all kinds share.
*/
#include "pq.h"

void pgv_malformed(lua_State *L, const char *type) {
  pgv_dataerror(L, "22P03", "malformed value of type %s", type);
}

void pgv_field_read(lua_State *L, const char *p, size_t n, int format,
                    const pgv_field *f) {
  const pgv_kind *k = f->kind;
  if (!f->array)
    (format ? k->recv : k->parse)(L, p, n);
  else if (format)
    pgv_array_recv(L, p, n, k);
  else
    pgv_array_parse(L, p, n, k);
}
