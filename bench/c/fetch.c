/* The floor of reading: 10,000 x 1,536 floats by one binary SELECT, each row
   copied to memory of its own with its bytes in order. Prints wall and CPU
   seconds. */

#define _POSIX_C_SOURCE 200809L
#include "floor.h"

static float *take(const char *value) {
  float *row = malloc(sizeof *row * DIMENSIONS);
  int i;
  if (row == NULL) exit(1);
  for (i = 0; i < DIMENSIONS; i++) {
    uint32_t x;
    memcpy(&x, value + 4 + 4 * i, 4);
    x = swap32(x);
    memcpy(row + i, &x, 4);
  }
  return row;
}

static void fetch(PGconn *conn, float **rows) {
  PGresult *result = PQexecParams(conn, "SELECT embedding FROM bench_items", 0,
                                  NULL, NULL, NULL, NULL, 1);
  int i;
  must(PQresultStatus(result) == PGRES_TUPLES_OK, conn);
  must(PQntuples(result) == ROWS, conn);
  for (i = 0; i < ROWS; i++) rows[i] = take(PQgetvalue(result, i, 0));
  PQclear(result);
}

int main(void) {
  static float *rows[ROWS];
  PGconn *conn = connect_to_server();
  double wall, cpu;
  int i, round;
  for (round = 0; round < 2; round++) { /* the first warms the connection up */
    wall = wall_seconds();
    cpu = cpu_seconds();
    fetch(conn, rows);
    wall = wall_seconds() - wall;
    cpu = cpu_seconds() - cpu;
    for (i = 0; i < ROWS; i++) free(rows[i]);
  }
  printf("%.6f %.6f\n", wall, cpu);
  PQfinish(conn);
  return 0;
}
