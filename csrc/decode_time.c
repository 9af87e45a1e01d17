/*
** Dates and times from the server: the text that it prints with DateStyle ISO
** and IntervalStyle postgres in UTC, or seconds since 1970.
*/
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "calendar.h"
#include "codec.h"

/* ---- dates ---- */

static int32_t get_date(lua_State *L, const char *p, size_t n) {
  int32_t days;
  if (n != 4) pgv_malformed(L, "date");
  days = (int32_t)pgv_get32(p);
  if (days != DATE_INFINITY && days != DATE_MINUS_INFINITY && days < MIN_DATE)
    pgv_malformed(L, "date");
  return days;
}

/* [-0, +1, m] */
static void push_infinity(lua_State *L, int positive) {
  lua_pushstring(L, positive ? "infinity" : "-infinity");
}

void pgv_date_recv(lua_State *L, const char *p, size_t n) {
  char text[PGV_TIME_TEXT];
  int32_t days = get_date(L, p, n);
  if (days == DATE_INFINITY || days == DATE_MINUS_INFINITY)
    push_infinity(L, days > 0);
  else
    lua_pushlstring(L, text, (size_t)(pgv_print_date(text, days) - text));
}

/* ---- times of day ---- */

static int64_t get_time(lua_State *L, const char *p) {
  int64_t usecs = (int64_t)pgv_get64(p);
  if (usecs < 0 || usecs > USECS_PER_DAY) pgv_malformed(L, "time");
  return usecs;
}

void pgv_time_recv(lua_State *L, const char *p, size_t n) {
  char text[PGV_TIME_TEXT];
  if (n != 8) pgv_malformed(L, "time");
  lua_pushlstring(L, text,
                  (size_t)(pgv_print_time(text, get_time(L, p)) - text));
}

void pgv_timetz_recv(lua_State *L, const char *p, size_t n) {
  char text[PGV_TIME_TEXT], *end;
  int32_t west;
  if (n != 12) pgv_malformed(L, "time with time zone");
  west = (int32_t)pgv_get32(p + 8);
  if (west <= -16 * 3600 || west >= 16 * 3600)
    pgv_malformed(L, "time with time zone");
  end = pgv_print_time(text, get_time(L, p));
  end = pgv_print_zone(end, -west);
  lua_pushlstring(L, text, (size_t)(end - text));
}

/* ---- timestamps ---- */

static int64_t get_timestamp(lua_State *L, const char *p, size_t n) {
  int64_t usecs;
  if (n != 8) pgv_malformed(L, "timestamp");
  usecs = (int64_t)pgv_get64(p);
  if (usecs != TIME_INFINITY && usecs != TIME_MINUS_INFINITY &&
      (usecs < MIN_TIMESTAMP || usecs >= END_TIMESTAMP))
    pgv_malformed(L, "timestamp");
  return usecs;
}

static void recv_timestamp(lua_State *L, const char *p, size_t n,
                           const char *zone) {
  char text[PGV_TIME_TEXT];
  int64_t usecs = get_timestamp(L, p, n);
  if (usecs == TIME_INFINITY || usecs == TIME_MINUS_INFINITY) {
    push_infinity(L, usecs > 0);
  } else {
    char *end = pgv_print_timestamp(text, usecs, zone);
    lua_pushlstring(L, text, (size_t)(end - text));
  }
}

void pgv_timestamp_recv(lua_State *L, const char *p, size_t n) {
  recv_timestamp(L, p, n, "");
}

void pgv_timestamptz_recv(lua_State *L, const char *p, size_t n) {
  recv_timestamp(L, p, n, "+00");
}

/* ---- seconds since 1970 ---- */

/* [-0, +1, -] a whole number of seconds is an integer */
static void push_epoch(lua_State *L, int64_t usecs) {
  int64_t rest = usecs % USECS_PER_SEC;
  int64_t seconds = usecs / USECS_PER_SEC + DAYS_FROM_UNIX * INT64_C(86400);
  if (rest == 0)
    pgv_pushint64(L, seconds);
  else
    lua_pushnumber(L, (double)seconds + (double)rest / 1e6);
}

void pgv_timestamp_recv_epoch(lua_State *L, const char *p, size_t n) {
  int64_t usecs = get_timestamp(L, p, n);
  if (usecs == TIME_INFINITY || usecs == TIME_MINUS_INFINITY)
    lua_pushnumber(L, usecs > 0 ? HUGE_VAL : -HUGE_VAL);
  else
    push_epoch(L, usecs);
}

void pgv_date_recv_epoch(lua_State *L, const char *p, size_t n) {
  int32_t days = get_date(L, p, n);
  if (days == DATE_INFINITY || days == DATE_MINUS_INFINITY)
    lua_pushnumber(L, days > 0 ? HUGE_VAL : -HUGE_VAL);
  else
    pgv_pushint64(L, (days + (int64_t)DAYS_FROM_UNIX) * 86400);
}

/* dates and timestamps in text; without a zone they are in UTC */
static void parse_epoch(lua_State *L, const char *p, size_t n,
                        const char *type) {
  pgv_datetime t;
  if (!pgv_read_datetime(p, n, &t) || (!t.has_date && !t.infinite))
    pgv_malformed(L, type);
  if (t.infinite) {
    lua_pushnumber(L, t.infinite > 0 ? HUGE_VAL : -HUGE_VAL);
  } else if (!t.has_time) {
    pgv_pushint64(L, (t.days + DAYS_FROM_UNIX) * 86400);
  } else {
    if (t.days < MIN_DATE - 1 || t.days > END_TIMESTAMP / USECS_PER_DAY)
      pgv_malformed(L, type);
    push_epoch(L, t.days * USECS_PER_DAY + t.usecs - t.zone * USECS_PER_SEC);
  }
}

void pgv_timestamp_parse_epoch(lua_State *L, const char *p, size_t n) {
  parse_epoch(L, p, n, "timestamp");
}

void pgv_date_parse_epoch(lua_State *L, const char *p, size_t n) {
  parse_epoch(L, p, n, "date");
}

/* ---- intervals ---- */

/* after something negative, what is positive has a sign */
typedef struct interval_text {
  char text[128], *p;
  int before; /* was the last part negative? */
} interval_text;

static void print_part(interval_text *t, int64_t value, const char *unit) {
  if (value == 0) return;
  t->p += sprintf(t->p, "%s%s%lld %s%s", t->p > t->text ? " " : "",
                  t->before && value > 0 ? "+" : "", (long long)value, unit,
                  value != 1 ? "s" : "");
  t->before = value < 0;
}

/* hours may be many: only what follows them is a time of day */
static void print_clock(interval_text *t, int64_t usecs) {
  uint64_t u = usecs < 0 ? 0 - (uint64_t)usecs : (uint64_t)usecs;
  char rest[PGV_TIME_TEXT], *end;
  if (usecs == 0 && t->p > t->text) return;
  t->p += sprintf(t->p, "%s%s%02llu", t->p > t->text ? " " : "",
                  usecs < 0   ? "-"
                  : t->before ? "+"
                              : "",
                  (unsigned long long)(u / 3600000000u));
  end = pgv_print_time(rest, (int64_t)(u % 3600000000u));
  memcpy(t->p, rest + 2, (size_t)(end - rest) - 2); /* without its "00" */
  t->p += end - rest - 2;
}

void pgv_interval_recv(lua_State *L, const char *p, size_t n) {
  interval_text t;
  int64_t usecs;
  int32_t days, months;
  if (n != 16) pgv_malformed(L, "interval");
  usecs = (int64_t)pgv_get64(p);
  days = (int32_t)pgv_get32(p + 8);
  months = (int32_t)pgv_get32(p + 12);
  if ((usecs == TIME_INFINITY && days == INT32_MAX && months == INT32_MAX) ||
      (usecs == TIME_MINUS_INFINITY && days == INT32_MIN &&
       months == INT32_MIN)) {
    push_infinity(L, months > 0);
    return;
  }
  t.p = t.text;
  t.before = 0;
  print_part(&t, months / 12, "year");
  print_part(&t, months % 12, "mon");
  print_part(&t, days, "day");
  print_clock(&t, usecs);
  lua_pushlstring(L, t.text, (size_t)(t.p - t.text));
}
