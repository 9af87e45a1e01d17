/* The floor of searching: prepared, binary k-NN queries, one at a time; "open"
   within one transaction, "each" with a transaction for each query. Prints wall
   and CPU seconds. */

#define _POSIX_C_SOURCE 200809L
#include "floor.h"

enum { QUERIES = 500, LENGTH = 384, NEAREST = 10 };

/* what the library sends */
static const char *sql =
    "SELECT bench_points.id, bench_points.embedding <=> $1 AS distance "
    "FROM bench_points ORDER BY bench_points.embedding <=> $1 LIMIT $2";

static char query[4 + 4 * LENGTH];

static void make_query(void) {
  uint64_t state = 1;
  uint16_t length = swap16(LENGTH);
  int i;
  memcpy(query, &length, 2);
  for (i = 0; i < LENGTH; i++) {
    float f = next_number(&state);
    uint32_t x;
    memcpy(&x, &f, 4);
    x = swap32(x);
    memcpy(query + 4 + 4 * i, &x, 4);
  }
}

static void search(PGconn *conn) {
  static const char limit[8] = {0, 0, 0, 0, 0, 0, 0, NEAREST};
  const char *values[2] = {query, limit};
  int lengths[2] = {sizeof query, sizeof limit}, formats[2] = {1, 1};
  PGresult *result =
      PQexecPrepared(conn, "knn", 2, values, lengths, formats, 1);
  uint32_t sum = 0;
  int i;
  must(PQresultStatus(result) == PGRES_TUPLES_OK, conn);
  must(PQntuples(result) == NEAREST, conn);
  for (i = 0; i < NEAREST; i++) {
    uint32_t id;
    memcpy(&id, PQgetvalue(result, i, 0), 4);
    sum += swap32(id);
  }
  must(sum > 0, conn);
  PQclear(result);
}

int main(int argc, char **argv) {
  int each = argc > 1 && strcmp(argv[1], "each") == 0;
  PGconn *conn = connect_to_server();
  PGresult *result = PQprepare(conn, "knn", sql, 0, NULL);
  double wall = 0, cpu = 0;
  int i, round;
  must(PQresultStatus(result) == PGRES_COMMAND_OK, conn);
  PQclear(result);
  make_query();
  for (round = 0; round < 2; round++) { /* the first warms the connection up */
    wall = wall_seconds();
    cpu = cpu_seconds();
    if (!each) run(conn, "BEGIN", PGRES_COMMAND_OK);
    for (i = 0; i < QUERIES; i++) {
      if (each) run(conn, "BEGIN", PGRES_COMMAND_OK);
      search(conn);
      if (each) run(conn, "COMMIT", PGRES_COMMAND_OK);
    }
    if (!each) run(conn, "COMMIT", PGRES_COMMAND_OK);
    wall = wall_seconds() - wall;
    cpu = cpu_seconds() - cpu;
  }
  printf("%.6f %.6f\n", wall, cpu);
  PQfinish(conn);
  return 0;
}
