/*
** The writers and readers that the table of kinds is made of.
** send: value → binary, print: value → text, recv: binary → value,
** parse: text → value; the value types of pgv.h name theirs alike.
*/
#ifndef PGV_CODEC_H
#define PGV_CODEC_H

#include "pq.h"

#define PGV_WRITER(name) void name(lua_State *L, int idx, int dim, pgv_buf *b)
#define PGV_READER(name) void name(lua_State *L, const char *p, size_t n)

/* encode_number.c */
PGV_WRITER(pgv_int2_send);
PGV_WRITER(pgv_int2_print);
PGV_WRITER(pgv_int4_send);
PGV_WRITER(pgv_int4_print);
PGV_WRITER(pgv_int8_send);
PGV_WRITER(pgv_int8_print);
PGV_WRITER(pgv_oid_send);
PGV_WRITER(pgv_oid_print);
PGV_WRITER(pgv_float4_send);
PGV_WRITER(pgv_float4_print);
PGV_WRITER(pgv_float8_send);
PGV_WRITER(pgv_float8_print);
PGV_WRITER(pgv_numeric_send);
PGV_WRITER(pgv_numeric_print);
/* [-0, +0, m] appends a Lua number as text */
void pgv_number_print(lua_State *L, int idx, pgv_buf *b);

/* encode_text.c */
PGV_WRITER(pgv_bool_send);
PGV_WRITER(pgv_bool_print);
PGV_WRITER(pgv_text_send);
PGV_WRITER(pgv_bytea_send);
PGV_WRITER(pgv_bytea_print);
PGV_WRITER(pgv_uuid_send);
PGV_WRITER(pgv_uuid_print);
PGV_WRITER(pgv_json_send);
PGV_WRITER(pgv_jsonb_send);
PGV_WRITER(pgv_vector_print);
PGV_WRITER(pgv_halfvec_print);
PGV_WRITER(pgv_sparsevec_print);
PGV_WRITER(pgv_bit_print);
PGV_WRITER(pgv_unknown_print);

/* encode_time.c */
PGV_WRITER(pgv_date_send);
PGV_WRITER(pgv_date_print);
PGV_WRITER(pgv_time_send);
PGV_WRITER(pgv_time_print);
PGV_WRITER(pgv_timetz_send);
PGV_WRITER(pgv_timetz_print);
PGV_WRITER(pgv_timestamp_send);
PGV_WRITER(pgv_timestamp_print);
PGV_WRITER(pgv_timestamptz_send);
PGV_WRITER(pgv_timestamptz_print);
PGV_WRITER(pgv_interval_send);
PGV_WRITER(pgv_interval_print);

/* decode_number.c */
PGV_READER(pgv_int2_recv);
PGV_READER(pgv_int4_recv);
PGV_READER(pgv_int8_recv);
PGV_READER(pgv_int8_recv_string);
PGV_READER(pgv_oid_recv);
PGV_READER(pgv_int_parse);
PGV_READER(pgv_float4_recv);
PGV_READER(pgv_float4_parse);
PGV_READER(pgv_float8_recv);
PGV_READER(pgv_float8_parse);
PGV_READER(pgv_numeric_recv);
PGV_READER(pgv_numeric_parse);
PGV_READER(pgv_numeric_recv_string);
PGV_READER(pgv_numeric_recv_number);

/* decode_text.c */
PGV_READER(pgv_bool_recv);
PGV_READER(pgv_bool_parse);
PGV_READER(pgv_text_recv);
PGV_READER(pgv_bytea_parse);
PGV_READER(pgv_uuid_recv);
PGV_READER(pgv_jsonb_recv);
PGV_READER(pgv_inet_recv);
PGV_READER(pgv_macaddr_recv);

/* decode_time.c */
PGV_READER(pgv_date_recv);
PGV_READER(pgv_date_recv_epoch);
PGV_READER(pgv_date_parse_epoch);
PGV_READER(pgv_time_recv);
PGV_READER(pgv_timetz_recv);
PGV_READER(pgv_timestamp_recv);
PGV_READER(pgv_timestamp_recv_epoch);
PGV_READER(pgv_timestamp_parse_epoch);
PGV_READER(pgv_timestamptz_recv);
PGV_READER(pgv_interval_recv);

#endif
