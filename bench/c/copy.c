/* The floor of loading: COPY BINARY of 10,000 x 1,536 floats that lie in
   memory. Prints wall and CPU seconds. */

#define _POSIX_C_SOURCE 200809L
#include "floor.h"

enum {
  BUFFER = 65536,
  VECTOR = 4 + DIMENSIONS * 4,            /* dim, unused, floats */
  ROW = 2 + (4 + 4) + (4 + VECTOR)        /* fields, id, embedding */
};

static char *put16(char *p, uint16_t x) {
  x = swap16(x);
  memcpy(p, &x, 2);
  return p + 2;
}

static char *put32(char *p, uint32_t x) {
  x = swap32(x);
  memcpy(p, &x, 4);
  return p + 4;
}

static char *put_row(char *p, uint32_t id, const float *v) {
  int i;
  p = put16(p, 2);
  p = put32(p, 4);
  p = put32(p, id);
  p = put32(p, VECTOR);
  p = put16(p, DIMENSIONS);
  p = put16(p, 0);
  for (i = 0; i < DIMENSIONS; i++) {
    uint32_t x;
    memcpy(&x, v + i, 4);
    x = swap32(x);
    memcpy(p + 4 * i, &x, 4);
  }
  return p + 4 * DIMENSIONS;
}

static void put(PGconn *conn, const char *data, size_t size) {
  must(PQputCopyData(conn, data, (int)size) == 1, conn);
}

static void copy(PGconn *conn, const float *rows) {
  static const char header[19] = "PGCOPY\n\377\r\n"; /* the rest is zero */
  static char buffer[BUFFER + ROW];
  char *p = buffer;
  PGresult *result;
  int i;
  run(conn, "BEGIN", PGRES_COMMAND_OK);
  run(conn, "COPY bench_items (id, embedding) FROM STDIN (FORMAT binary)",
      PGRES_COPY_IN);
  put(conn, header, sizeof header);
  for (i = 0; i < ROWS; i++) {
    p = put_row(p, (uint32_t)i + 1, rows + (size_t)i * DIMENSIONS);
    if (p - buffer >= BUFFER) {
      put(conn, buffer, (size_t)(p - buffer));
      p = buffer;
    }
  }
  p = put16(p, 0xffff);
  put(conn, buffer, (size_t)(p - buffer));
  must(PQputCopyEnd(conn, NULL) == 1, conn);
  result = PQgetResult(conn);
  must(PQresultStatus(result) == PGRES_COMMAND_OK, conn);
  PQclear(result);
  while ((result = PQgetResult(conn)) != NULL) PQclear(result);
  run(conn, "COMMIT", PGRES_COMMAND_OK);
}

int main(void) {
  float *rows = malloc(sizeof *rows * ROWS * DIMENSIONS);
  PGconn *conn = connect_to_server();
  uint64_t state = 1;
  double wall, cpu;
  size_t i;
  if (rows == NULL) return 1;
  for (i = 0; i < (size_t)ROWS * DIMENSIONS; i++) rows[i] = next_number(&state);
  copy(conn, rows); /* warms the server's process up */
  run(conn, "TRUNCATE bench_items", PGRES_COMMAND_OK);
  wall = wall_seconds();
  cpu = cpu_seconds();
  copy(conn, rows);
  printf("%.6f %.6f\n", wall_seconds() - wall, cpu_seconds() - cpu);
  PQfinish(conn);
  free(rows);
  return 0;
}
