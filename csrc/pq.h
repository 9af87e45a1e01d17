/*
** What the libpq files share: kinds of values, shapes (the columns of a
** statement or a result), boxes for foreign pointers, reports of failure.
*/
#ifndef PGV_PQ_H
#define PGV_PQ_H

#include <libpq-fe.h>
#include <sys/types.h>

#include "bytes.h"
#include "pgv.h"

#ifndef LIBPQ_HAS_PIPELINING
#error "libpq 14 or later is needed"
#endif

/* ---- kind.c: what a value is on both sides ---- */

/* [-0, +0, e] appends the value at idx, which is neither nil nor null; dim is
** the declared length of a vector or bit string, or 0 */
typedef void (*pgv_writer)(lua_State *L, int idx, int dim, pgv_buf *b);
/* [-0, +1, e] pushes the value of n bytes */
typedef void (*pgv_reader)(lua_State *L, const char *p, size_t n);

#define PGV_SEND_BINARY 1   /* a parameter travels in binary form */
#define PGV_ARRAY_BINARY 2  /* a parameter that is an array of it does */
#define PGV_SERVER_INFERS 4 /* a parameter has no type unless one is given */
#define PGV_EXTENSION 8     /* its OID differs between databases */
#define PGV_FROM_TABLE 16   /* one value may be a Lua table */

typedef struct pgv_kind {
  const char *name;
  Oid oid, array_oid;
  int flags;
  pgv_writer send, print; /* binary (or NULL), text */
  pgv_reader recv, parse; /* binary, text */
} pgv_kind;

/* [-0, +0, -] the kind called `name` (n bytes), or NULL */
const pgv_kind *pgv_kind_find(const char *name, size_t n);

typedef struct pgv_field {
  const pgv_kind *kind; /* that of the elements, if it is an array */
  const char *name;     /* anchored by the shape; or NULL */
  Oid oid, elem_oid;
  int dim;
  char array, convert, unnamed;
  char sees_null; /* its convert function is called for NULL, too */
  char text_only; /* of kind text, but its binary form is something else */
} pgv_field;

/* ---- shape.c: encoders and decoders ---- */

typedef struct pgv_shape {
  int n;                /* fields */
  int named;            /* of them, how many have a name of their own */
  int converts;         /* of them, how many have a convert function */
  Oid extension_oid[3]; /* vector, halfvec, sparsevec: for "unknown" */
  pgv_field f[];
} pgv_shape;

/*
** The shape's uservalue is a table:
**   [0] the shape itself   [i] the name of field i, or nothing
**   [-i] its convert function   ["row"] the metatable of rows, or nothing
*/
#define PGV_ENCODER "pgvector.encoder"
#define PGV_DECODER "pgvector.decoder"

pgv_shape *pgv_check_encoder(lua_State *L, int idx);
pgv_shape *pgv_check_decoder(lua_State *L, int idx);
/* [-0, +1, e] makes a shape from a sequence of specifications at idx; at
** `oids`, unless that is 0, is a table of the extension's OIDs by type name */
pgv_shape *pgv_shape_new(lua_State *L, int idx, int oids, const char *tname);
/* [-1, +1, e] runs the convert function of field i (from 0), if it has one,
** over the top value; NULL passes by unless the field says that it is seen, and
** nil stands for NULL afterwards, too. `anchor` is the stack index of the
** shape's table */
void pgv_convert(lua_State *L, const pgv_shape *s, int anchor, int i);

/*
** Work on many fields runs in one protected call; when it fails, the field
** under way is put in front of the message.
*/
typedef struct pgv_place {
  const pgv_shape *shape;
  const char *noun; /* "parameter" or "column" */
  int i;            /* field under way from 1, or 0: none */
  lua_Integer row;  /* or 0 */
} pgv_place;

/* [-1, +0, e] raises the error on the top once it says where */
PGV_NORETURN void pgv_raise_at(lua_State *L, const pgv_place *at);

/* ---- encode*.c ---- */

/* [-0, +0, -] is the value NULL in SQL? */
int pgv_isnull(lua_State *L, int idx);
/* [-0, +0, e] appends the binary or text form of a field's value */
void pgv_field_send(lua_State *L, int idx, const pgv_field *f, pgv_buf *b);
void pgv_field_print(lua_State *L, int idx, const pgv_field *f, pgv_buf *b);
/* [-0, +0, -] has the field a binary form? */
int pgv_field_has_binary(const pgv_field *f);
/* [-0, +0, e] raises if the database has not got the extension's type */
void pgv_check_extension(lua_State *L, const pgv_kind *k, Oid oid);
/* [-0, +0, m] escapes what was appended after `start` with backslashes;
** `escape` gives the second character for one that needs it, else 0 */
void pgv_escape_tail(lua_State *L, pgv_buf *b, size_t start,
                     char (*escape)(char c));
/* [-0, +0, -] how many items the table says it has: t.n, else #t */
int pgv_table_size(lua_State *L, int idx);
/* [-0, +0, m] appends a C string */
void pgv_buf_puts(lua_State *L, pgv_buf *b, const char *s);
/* [-0, +1, m] what a message calls the value: `1.5`, `string "x"`, `table` */
const char *pgv_describe(lua_State *L, int idx);

/* encode_array.c */
void pgv_array_send(lua_State *L, int idx, const pgv_field *f, pgv_buf *b);
void pgv_array_print(lua_State *L, int idx, const pgv_field *f, pgv_buf *b);

/* ---- decode*.c ---- */

/* [-0, +1, e] pushes a field's value; format as in libpq: 0 text, 1 binary */
void pgv_field_read(lua_State *L, const char *p, size_t n, int format,
                    const pgv_field *f);
/* [-0, +0, e] */
PGV_NORETURN void pgv_malformed(lua_State *L, const char *type);

/*
** rows.c: rows of values that come from a result or from COPY. They are built
** in a protected call whose stack begins like this; from PGV_ROWS_OUT + 1 are
** the names, once pgv_rows_begin was called.
*/
enum { PGV_ROWS_JOB = 1, PGV_ROWS_ANCHOR, PGV_ROWS_OUT };

typedef struct pgv_rows {
  pgv_place at; /* at.shape is the decoder */
  const void *from;
  /* the length of a value, -1 for NULL */
  int (*cell)(const void *from, int row, int col, const char **p, int *format);
  int mapping; /* rows have names only */
} pgv_rows;

/* [-0, +?, e] once PGV_ROWS_OUT is on the top */
void pgv_rows_begin(lua_State *L, const pgv_rows *rows);
/* [-0, +1|0, e] 1 and the value, or 0 and nothing for NULL */
int pgv_push_cell(lua_State *L, pgv_rows *rows, int row, int col);
/* [-0, +1, e] */
void pgv_push_row(lua_State *L, pgv_rows *rows, int row);

/* decode_array.c */
void pgv_array_recv(lua_State *L, const char *p, size_t n, const pgv_kind *k);
void pgv_array_parse(lua_State *L, const char *p, size_t n, const pgv_kind *k);

/* ---- number.c: numbers and text, whatever the locale ---- */

#define PGV_NUMBER_TEXT 40 /* room for any of them */

/* [-0, +0, -] writes the shortest text that reads back the same; length */
int pgv_double_text(char *out, double v);
/* [-0, +0, m] 1 and *out, or 0 if the text is not a number */
int pgv_text_double(lua_State *L, const char *p, size_t n, double *out);
/* [-0, +0, -] 1 and *out; 0: no integer; -1: more than 64 bits */
int pgv_text_int64(const char *p, size_t n, int64_t *out);

/* ---- fields.c: what the server and libpq report ---- */

/* [-0, +1, m] the diagnostic fields of a result */
void pgv_push_report(lua_State *L, const PGresult *res);
/* [-0, +2, m] nil and { message = … } */
int pgv_fail(lua_State *L, const char *message);

typedef struct pgv_notices pgv_notices;

pgv_notices *pgv_notices_new(void);
void pgv_notices_unref(pgv_notices *q);
pgv_notices *pgv_notices_ref(pgv_notices *q);
/* libpq's PQnoticeReceiver; arg is the queue */
void pgv_notices_receive(void *arg, const PGresult *res);
/* [-0, +1, m] pushes the sequence of reports and empties it; or nil */
void pgv_notices_drain(lua_State *L, pgv_notices *q);

/* ---- conn.c, connect.c, connector.c, query.c, params.c, copy.c, cancel.c ---- */

#define PGV_CONN "pgvector.connection"
#define PGV_RESULT "pgvector.result"
#define PGV_COPY "pgvector.copybuffer"

typedef struct pgv_conn {
  PGconn *pg; /* NULL: closed */
  pid_t pid;  /* of the process that opened it */
  pgv_notices *notices;
  void *held;         /* libpq's memory while it is turned into a value */
  PGresult *taken;    /* a result on its way into its box */
  pgv_buf scratch;    /* of the last statement's parameters, for the next */
  const char *events; /* what the last step waits for: "r", "w", "rw" */
  char polled;        /* PQconnectPoll was called */
} pgv_conn;

#define PGV_SCRATCH_MAX 65536 /* what is larger is not kept */

pgv_conn *pgv_check_conn(lua_State *L, int idx);
/* [-0, +2, m] nil and what libpq says about the connection */
int pgv_conn_fail(lua_State *L, pgv_conn *c);
/* [-0, +1|2, m] true, or pgv_conn_fail */
int pgv_conn_ok(lua_State *L, pgv_conn *c, int ok);
/* [-0, +0, e] a string without a zero byte */
const char *pgv_check_cstring(lua_State *L, int idx);
/* connect.c */
/* [-0, +1, e] a sequence keyword, value, … of the table at 1; their count */
int pgv_collect_keywords(lua_State *L);
/* [-0, +1, m] an empty box */
pgv_conn *pgv_conn_new(lua_State *L);
/* readies a connection that was just started */
void pgv_conn_prepare(PGconn *pg, pgv_notices *notices);
/* the value of a keyword, or NULL */
const char *pgv_keyword(const PQconninfoOption *options, const char *keyword);
#define PGV_PLACE 512
/* writes which of its hosts and addresses a connection tries, or has */
void pgv_place_of(const PGconn *pg, char *place, size_t size);
/* [-0, +2, m] nil and the report of a failed attempt to connect */
int pgv_connect_fail(lua_State *L, pgv_conn *c);
/* [-0, +1, m] the box of the result c->taken, which it takes over */
void pgv_result_push(lua_State *L, pgv_conn *c);
/* [-0, +1, -] a status by libpq's name for it, in lower case */
void pgv_push_status(lua_State *L, const PGresult *res);
/* cancel.c: asks the server to stop, and blocks until it was told */
void pgv_cancel_now(PGconn *pg);
const PGresult *pgv_check_result(lua_State *L, int idx);

extern const luaL_Reg pgv_connect_methods[], pgv_query_methods[],
    pgv_params_methods[], pgv_copy_methods[], pgv_cancel_methods[];

/* [-0, +0, m] each adds its functions to the module table on the top */
void pgv_open_conn(lua_State *L);
void pgv_open_connect(lua_State *L);
void pgv_open_connector(lua_State *L);
void pgv_open_cancel(lua_State *L);
void pgv_open_shape(lua_State *L);
void pgv_open_result(lua_State *L);
void pgv_open_copy(lua_State *L);
void pgv_open_copy_reader(lua_State *L);
void pgv_open_codec(lua_State *L);

#endif
