/* What the floor programs share: the numbers of bench/support/data.lua, byte
   order, the clock, and libpq calls that must succeed. */
#ifndef FLOOR_H
#define FLOOR_H

#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 10000, DIMENSIONS = 1536 };

static inline float next_number(uint64_t *state) {
  *state = *state * 16807 % 2147483647;
  return (float)((double)*state / 2147483647 - 0.5);
}

static inline uint32_t swap32(uint32_t x) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return __builtin_bswap32(x);
#else
  return x;
#endif
}

static inline uint16_t swap16(uint16_t x) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return __builtin_bswap16(x);
#else
  return x;
#endif
}

static inline double wall_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline void must(int ok, PGconn *conn) {
  if (!ok) {
    fprintf(stderr, "%s", PQerrorMessage(conn));
    exit(1);
  }
}

static inline PGconn *connect_to_server(void) {
  PGconn *conn = PQconnectdb(getenv("PGVECTOR_URL"));
  must(PQstatus(conn) == CONNECTION_OK, conn);
  return conn;
}

static inline void run(PGconn *conn, const char *sql, ExecStatusType wanted) {
  PGresult *result = PQexec(conn, sql);
  must(PQresultStatus(result) == wanted, conn);
  PQclear(result);
}

#endif
