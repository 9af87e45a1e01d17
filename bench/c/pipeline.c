/* The floor of a pipeline: 1,000 small prepared statements. Prints wall and CPU
   seconds. */

#define _POSIX_C_SOURCE 200809L
#include "floor.h"

enum { STATEMENTS = 1000, FLUSH_EVERY = 64 };

static long sum;

static void take(PGconn *conn) {
  PGresult *result = PQgetResult(conn);
  uint32_t x;
  must(PQresultStatus(result) == PGRES_TUPLES_OK, conn);
  memcpy(&x, PQgetvalue(result, 0, 0), 4);
  sum += (long)swap32(x);
  PQclear(result);
  must(PQgetResult(conn) == NULL, conn);
}

static void converse(PGconn *conn) {
  PGresult *result;
  int i;
  sum = 0;
  must(PQenterPipelineMode(conn), conn);
  for (i = 1; i <= STATEMENTS; i++) {
    uint32_t x = swap32((uint32_t)i);
    char value[4];
    const char *values = value;
    int length = 4, format = 1;
    memcpy(value, &x, 4);
    must(PQsendQueryPrepared(conn, "small", 1, &values, &length, &format, 1),
         conn);
    if (i % FLUSH_EVERY == 0) must(PQflush(conn) >= 0, conn);
  }
  must(PQpipelineSync(conn), conn);
  for (i = 1; i <= STATEMENTS; i++) take(conn);
  result = PQgetResult(conn);
  must(PQresultStatus(result) == PGRES_PIPELINE_SYNC, conn);
  PQclear(result);
  must(PQexitPipelineMode(conn), conn);
  must(sum == (long)STATEMENTS * (STATEMENTS + 1), conn);
}

int main(void) {
  PGconn *conn = connect_to_server();
  PGresult *result = PQprepare(conn, "small", "SELECT $1::int4 * 2", 1, NULL);
  double wall = 0, cpu = 0;
  int round;
  must(PQresultStatus(result) == PGRES_COMMAND_OK, conn);
  PQclear(result);
  run(conn, "BEGIN", PGRES_COMMAND_OK);
  for (round = 0; round < 2; round++) { /* the first warms the connection up */
    wall = wall_seconds();
    cpu = cpu_seconds();
    converse(conn);
    wall = wall_seconds() - wall;
    cpu = cpu_seconds() - cpu;
  }
  printf("%.6f %.6f\n", wall, cpu);
  PQfinish(conn);
  return 0;
}
