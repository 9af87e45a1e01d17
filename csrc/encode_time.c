/*
** Dates and times on their way to the server: ISO 8601 text, seconds (since
** 1970 or midnight), or a table as os.date("!*t") makes it. Without a zone a time is in
** UTC. As a parameter text goes as it is, and the server reads it.
*/
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "calendar.h"
#include "codec.h"

/* [-0, +0, e] */
PGV_NORETURN static void bad_value(lua_State *L, const char *type, int idx) {
  if (lua_type(L, idx) == LUA_TSTRING)
    pgv_dataerror(L, "22007", "invalid input syntax for type %s: \"%.60s\"",
                  type, lua_tostring(L, idx));
  pgv_dataerror(L, "22007", "expected %s, got %s", type, pgv_describe(L, idx));
}

PGV_NORETURN static void out_of_range(lua_State *L, const char *type) {
  pgv_dataerror(L, "22008", "%s out of range", type);
}

static int64_t usecs_of(double seconds) {
  double v = rint(seconds * 1e6);
  return (int64_t)v;
}

/* ---- tables ---- */

/* [-0, +0, e] a field of the table at idx */
static double get_field(lua_State *L, int idx, const char *name, double absent,
                        double min, double max) {
  double v = absent;
  lua_getfield(L, idx, name);
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TNUMBER)
      pgv_dataerror(L, "22007", "field '%s': expected number, got %s", name,
                    pgv_describe(L, -1));
    v = lua_tonumber(L, -1);
    if (!(v >= min && v <= max))
      pgv_dataerror(L, "22008", "field '%s' is out of range", name);
  } else if (absent < min) {
    pgv_dataerror(L, "22007", "field '%s' is missing", name);
  }
  lua_pop(L, 1);
  return v;
}

/* [-0, +0, e] */
static int get_int_field(lua_State *L, int idx, const char *name, int absent,
                         int min, int max) {
  double v = get_field(L, idx, name, absent, min, max);
  if (v != floor(v))
    pgv_dataerror(L, "22007", "field '%s': expected integer, got a fraction",
                  name);
  return (int)v;
}

static int64_t get_table_date(lua_State *L, int idx) {
  int year = get_int_field(L, idx, "year", -5000, -4712, 5874897);
  int month = get_int_field(L, idx, "month", 0, 1, 12);
  int day = get_int_field(L, idx, "day", 0, 1, 31);
  if (!pgv_valid_date(year, month, day))
    pgv_dataerror(L, "22008", "field 'day' is out of range");
  return pgv_days_of(year, month, day);
}

static int64_t get_table_time(lua_State *L, int idx) {
  int hour = get_int_field(L, idx, "hour", 0, 0, 23);
  int minute = get_int_field(L, idx, "min", 0, 0, 59);
  double second = get_field(L, idx, "sec", 0, 0, 60);
  return (hour * 60 + minute) * (60 * USECS_PER_SEC) + usecs_of(second);
}

/* ---- any value ---- */

/* [-0, +0, e] the text at idx taken apart */
static void get_text(lua_State *L, int idx, const char *type, pgv_datetime *t) {
  size_t n = 0;
  const char *s = "";
  if (lua_type(L, idx) == LUA_TSTRING) s = lua_tolstring(L, idx, &n);
  if (!pgv_read_datetime(s, n, t)) bad_value(L, type, idx);
}

static int64_t get_time(lua_State *L, int idx, const char *type, int *zone) {
  pgv_datetime t;
  *zone = 0;
  if (lua_istable(L, idx)) return get_table_time(L, idx);
  if (lua_type(L, idx) == LUA_TNUMBER) { /* seconds since midnight */
    double v = lua_tonumber(L, idx);
    if (!(v >= 0 && v <= 86400)) out_of_range(L, type);
    return usecs_of(v);
  }
  get_text(L, idx, type, &t);
  if (!t.has_time) bad_value(L, type, idx);
  *zone = t.zone;
  return t.usecs;
}

/* [-0, +0, e] seconds since 1970 → microseconds since 2000 */
static int64_t get_epoch(lua_State *L, int idx, const char *type) {
  double v = lua_tonumber(L, idx), whole = floor(v);
  if (v - v != 0) {
    if (v != v) bad_value(L, type, idx);
    return v > 0 ? TIME_INFINITY : TIME_MINUS_INFINITY;
  }
  if (fabs(v) > 1e13) out_of_range(L, type);
  return (int64_t)whole * USECS_PER_SEC + usecs_of(v - whole) - USECS_FROM_UNIX;
}

/* [-0, +0, e] the date in UTC, of seconds since 1970 as well */
static int64_t get_date(lua_State *L, int idx) {
  pgv_datetime t;
  memset(&t, 0, sizeof t);
  if (lua_istable(L, idx)) return get_table_date(L, idx);
  if (lua_type(L, idx) == LUA_TNUMBER) {
    double days = floor(lua_tonumber(L, idx) / 86400);
    if (days != days) bad_value(L, "date", idx);
    if (days - days != 0)
      t.infinite = days > 0 ? 1 : -1;
    else if (fabs(days) > INT32_MAX)
      out_of_range(L, "date");
    else
      t.days = (int64_t)days - DAYS_FROM_UNIX;
  } else {
    get_text(L, idx, "date", &t);
    if (!t.has_date && !t.infinite) bad_value(L, "date", idx);
  }
  if (t.infinite) return t.infinite > 0 ? DATE_INFINITY : DATE_MINUS_INFINITY;
  if (t.days < MIN_DATE || t.days >= END_DATE) out_of_range(L, "date");
  return t.days;
}

static int64_t get_timestamp(lua_State *L, int idx, const char *type,
                             int zoned) {
  pgv_datetime t;
  int64_t usecs;
  if (lua_type(L, idx) == LUA_TNUMBER) {
    usecs = get_epoch(L, idx, type);
    if (usecs == TIME_INFINITY || usecs == TIME_MINUS_INFINITY) return usecs;
  } else {
    if (lua_istable(L, idx)) {
      memset(&t, 0, sizeof t);
      t.days = get_table_date(L, idx);
      t.usecs = get_table_time(L, idx);
    } else {
      get_text(L, idx, type, &t);
      if (t.infinite)
        return t.infinite > 0 ? TIME_INFINITY : TIME_MINUS_INFINITY;
      if (!t.has_date) bad_value(L, type, idx);
    }
    if (t.days < MIN_DATE - 1 || t.days > END_TIMESTAMP / USECS_PER_DAY)
      out_of_range(L, type);
    usecs = t.days * USECS_PER_DAY + t.usecs;
    if (zoned) usecs -= t.zone * USECS_PER_SEC;
  }
  if (usecs < MIN_TIMESTAMP || usecs >= END_TIMESTAMP) out_of_range(L, type);
  return usecs;
}

/* ---- binary ---- */

static void send_int32(lua_State *L, pgv_buf *b, int64_t v) {
  pgv_put32(pgv_buf_room(L, b, 4), (uint32_t)v);
  b->n += 4;
}

static void send_int64(lua_State *L, pgv_buf *b, int64_t v) {
  pgv_put64(pgv_buf_room(L, b, 8), (uint64_t)v);
  b->n += 8;
}

void pgv_date_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  send_int32(L, b, get_date(L, idx));
}

void pgv_time_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  int zone;
  (void)dim;
  send_int64(L, b, get_time(L, idx, "time", &zone));
}

void pgv_timetz_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  int zone;
  (void)dim;
  send_int64(L, b, get_time(L, idx, "time with time zone", &zone));
  send_int32(L, b, -zone);
}

void pgv_timestamp_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  send_int64(L, b, get_timestamp(L, idx, "timestamp", 0));
}

void pgv_timestamptz_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  send_int64(L, b, get_timestamp(L, idx, "timestamp with time zone", 1));
}

/* ---- text: only tables and numbers have to be written out ---- */

static void print_infinity(lua_State *L, int positive, pgv_buf *b) {
  pgv_buf_puts(L, b, positive ? "infinity" : "-infinity");
}

void pgv_date_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  char text[PGV_TIME_TEXT];
  int64_t days;
  if (lua_type(L, idx) == LUA_TSTRING) {
    pgv_text_send(L, idx, dim, b);
    return;
  }
  days = get_date(L, idx);
  if (days == DATE_INFINITY || days == DATE_MINUS_INFINITY)
    print_infinity(L, days > 0, b);
  else
    pgv_buf_add(L, b, text, (size_t)(pgv_print_date(text, days) - text));
}

static void print_time(lua_State *L, int idx, const char *type,
                       const char *suffix, pgv_buf *b) {
  char text[PGV_TIME_TEXT];
  int zone;
  if (lua_type(L, idx) == LUA_TSTRING) {
    pgv_text_send(L, idx, 0, b);
    return;
  }
  pgv_buf_add(
      L, b, text,
      (size_t)(pgv_print_time(text, get_time(L, idx, type, &zone)) - text));
  pgv_buf_puts(L, b, suffix);
}

void pgv_time_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  print_time(L, idx, "time", "", b);
}

void pgv_timetz_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  print_time(L, idx, "time with time zone", "+00", b);
}

static void print_timestamp(lua_State *L, int idx, const char *type,
                            const char *zone, pgv_buf *b) {
  char text[PGV_TIME_TEXT];
  int64_t usecs;
  if (lua_type(L, idx) == LUA_TSTRING) {
    pgv_text_send(L, idx, 0, b);
    return;
  }
  usecs = get_timestamp(L, idx, type, 1);
  if (usecs == TIME_INFINITY || usecs == TIME_MINUS_INFINITY)
    print_infinity(L, usecs > 0, b);
  else
    pgv_buf_add(L, b, text,
                (size_t)(pgv_print_timestamp(text, usecs, zone) - text));
}

void pgv_timestamp_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  print_timestamp(L, idx, "timestamp", "", b);
}

void pgv_timestamptz_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  (void)dim;
  print_timestamp(L, idx, "timestamp with time zone", "+00", b);
}
