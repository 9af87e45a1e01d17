/*
** The table of kinds: for each its OIDs and how a value is written and read,
** in binary and in text.
*/
#include <string.h>

#include "codec.h"

#define B PGV_SEND_BINARY
#define A PGV_ARRAY_BINARY
#define X PGV_EXTENSION
#define T PGV_FROM_TABLE

static const pgv_kind kinds[] = {
    {"int2", 21, 1005, A | B, pgv_int2_send, pgv_int2_print, pgv_int2_recv,
     pgv_int_parse},
    {"int4", 23, 1007, A | B, pgv_int4_send, pgv_int4_print, pgv_int4_recv,
     pgv_int_parse},
    {"int8", 20, 1016, A | B, pgv_int8_send, pgv_int8_print, pgv_int8_recv,
     pgv_int_parse},
    {"int8:string", 20, 1016, A | B, pgv_int8_send, pgv_int8_print,
     pgv_int8_recv_string, pgv_text_recv},
    {"oid", 26, 1028, A | B, pgv_oid_send, pgv_oid_print, pgv_oid_recv,
     pgv_int_parse},
    {"float4", 700, 1021, A | B, pgv_float4_send, pgv_float4_print,
     pgv_float4_recv, pgv_float4_parse},
    {"float8", 701, 1022, A | B, pgv_float8_send, pgv_float8_print,
     pgv_float8_recv, pgv_float8_parse},
    {"numeric", 1700, 1231, 0, pgv_numeric_send, pgv_numeric_print,
     pgv_numeric_recv, pgv_numeric_parse},
    {"numeric:string", 1700, 1231, 0, pgv_numeric_send, pgv_numeric_print,
     pgv_numeric_recv_string, pgv_text_recv},
    {"numeric:number", 1700, 1231, 0, pgv_numeric_send, pgv_numeric_print,
     pgv_numeric_recv_number, pgv_float8_parse},
    {"bool", 16, 1000, A | B, pgv_bool_send, pgv_bool_print, pgv_bool_recv,
     pgv_bool_parse},
    {"text", 25, 1009, A | PGV_SERVER_INFERS, pgv_text_send, pgv_text_send,
     pgv_text_recv, pgv_text_recv},
    {"bytea", 17, 1001, A | B, pgv_bytea_send, pgv_bytea_print, pgv_text_recv,
     pgv_bytea_parse},
    {"uuid", 2950, 2951, 0, pgv_uuid_send, pgv_uuid_print, pgv_uuid_recv,
     pgv_text_recv},
    {"json", 114, 199, A, pgv_json_send, pgv_json_send, pgv_text_recv,
     pgv_text_recv},
    {"jsonb", 3802, 3807, A, pgv_jsonb_send, pgv_json_send, pgv_jsonb_recv,
     pgv_text_recv},
    {"date", 1082, 1182, T, pgv_date_send, pgv_date_print, pgv_date_recv,
     pgv_text_recv},
    {"date:epoch", 1082, 1182, T, pgv_date_send, pgv_date_print,
     pgv_date_recv_epoch, pgv_date_parse_epoch},
    {"time", 1083, 1183, T, pgv_time_send, pgv_time_print, pgv_time_recv,
     pgv_text_recv},
    {"timetz", 1266, 1270, T, pgv_timetz_send, pgv_timetz_print,
     pgv_timetz_recv, pgv_text_recv},
    {"timestamp", 1114, 1115, T, pgv_timestamp_send, pgv_timestamp_print,
     pgv_timestamp_recv, pgv_text_recv},
    {"timestamp:epoch", 1114, 1115, T, pgv_timestamp_send, pgv_timestamp_print,
     pgv_timestamp_recv_epoch, pgv_timestamp_parse_epoch},
    {"timestamptz", 1184, 1185, T, pgv_timestamptz_send, pgv_timestamptz_print,
     pgv_timestamptz_recv, pgv_text_recv},
    {"timestamptz:epoch", 1184, 1185, T, pgv_timestamptz_send,
     pgv_timestamptz_print, pgv_timestamp_recv_epoch,
     pgv_timestamp_parse_epoch},
    {"interval", 1186, 1187, T, pgv_interval_send, pgv_interval_print,
     pgv_interval_recv, pgv_text_recv},
    {"inet", 869, 1041, 0, NULL, pgv_text_send, pgv_inet_recv, pgv_text_recv},
    {"cidr", 650, 651, 0, NULL, pgv_text_send, pgv_inet_recv, pgv_text_recv},
    {"macaddr", 829, 1040, 0, NULL, pgv_text_send, pgv_macaddr_recv,
     pgv_text_recv},
    {"vector", 0, 0, A | B | X | T, pgv_vector_send, pgv_vector_print,
     pgv_vector_recv, pgv_vector_parse},
    {"halfvec", 0, 0, A | B | X | T, pgv_halfvec_send, pgv_halfvec_print,
     pgv_halfvec_recv, pgv_halfvec_parse},
    {"sparsevec", 0, 0, A | B | X | T, pgv_sparsevec_send, pgv_sparsevec_print,
     pgv_sparsevec_recv, pgv_sparsevec_parse},
    {"bit", 1560, 1561, A | B | T, pgv_bit_send, pgv_bit_print, pgv_bit_recv,
     pgv_bit_parse},
    {"varbit", 1562, 1563, A | B | T, pgv_bit_send, pgv_bit_print, pgv_bit_recv,
     pgv_bit_parse},
    {"unknown", 0, 0, PGV_SERVER_INFERS, NULL, pgv_unknown_print, pgv_text_recv,
     pgv_text_recv},
};

const pgv_kind *pgv_kind_find(const char *name, size_t n) {
  size_t i;
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strncmp(kinds[i].name, name, n) == 0 && kinds[i].name[n] == '\0')
      return &kinds[i];
  return NULL;
}
