/*
** Intervals on their way to the server: a table { months = 1, days = 2,
** seconds = 3.5 }, a number of seconds, or text such as `1 year 2 mons 3 days
** 04:05:06`.
*/
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "calendar.h"
#include "codec.h"

typedef struct interval {
  int64_t months, days, usecs;
} interval;

static const struct unit {
  const char *name;
  int months, days;
  int64_t usecs;
} units[] = {
    {"year", 12, 0, 0},
    {"month", 1, 0, 0},
    {"week", 0, 7, 0},
    {"day", 0, 1, 0},
    {"hour", 0, 0, 3600 * USECS_PER_SEC},
    {"minute", 0, 0, 60 * USECS_PER_SEC},
    {"second", 0, 0, USECS_PER_SEC},
    {"mon", 1, 0, 0}, /* the short names stand in text only */
    {"min", 0, 0, 60 * USECS_PER_SEC},
    {"sec", 0, 0, USECS_PER_SEC},
};

#define NUNITS (sizeof units / sizeof units[0])

/* [-0, +0, -] a unit's name, singular or plural */
static const struct unit *find_unit(const char *s, size_t n) {
  size_t i;
  if (n > 1 && s[n - 1] == 's') n--;
  for (i = 0; i < NUNITS; i++)
    if (strlen(units[i].name) == n && memcmp(units[i].name, s, n) == 0)
      return &units[i];
  return NULL;
}

/*
** [-0, +0, -] adds `amount` of a unit; 0 if it is too much, or a fraction of
** something that has no fixed length
*/
static int add_unit(interval *v, const struct unit *u, double amount) {
  double usecs = rint(amount * (double)u->usecs);
  if (!(fabs(amount) <= 1e12 && fabs(usecs) <= 4e18))
    return 0; /* NaN neither */
  if (u->usecs == 0 && amount != floor(amount)) return 0;
  v->months += u->months * (int64_t)amount;
  v->days += u->days * (int64_t)amount;
  v->usecs += (int64_t)usecs;
  return v->months >= INT32_MIN && v->months <= INT32_MAX &&
         v->days >= INT32_MIN && v->days <= INT32_MAX &&
         v->usecs > -INT64_C(4000000000000000000) &&
         v->usecs < INT64_C(4000000000000000000);
}

/* [-0, +0, e] */
static void read_table(lua_State *L, int idx, interval *v) {
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    size_t n = 0;
    const char *name =
        lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &n) : "?";
    const struct unit *u = find_unit(name, n);
    if (u == NULL)
      pgv_dataerror(L, "22007", "interval has no field '%s'", name);
    if (lua_type(L, -1) != LUA_TNUMBER || !add_unit(v, u, lua_tonumber(L, -1)))
      pgv_dataerror(L, "22008", "interval field '%s' is out of range", name);
    lua_pop(L, 1);
  }
}

/* [-0, +0, -] the number at *p, with a sign perhaps; 0 if there is none */
static int read_amount(const char **p, const char *end, double *amount) {
  double v = 0, scale = 1;
  int minus = *p < end && **p == '-', digits = 0;
  if (*p < end && (**p == '-' || **p == '+')) ++*p;
  for (; *p < end && **p >= '0' && **p <= '9'; ++*p, digits++)
    v = v * 10 + (**p - '0');
  if (*p < end && **p == '.')
    for (++*p; *p < end && **p >= '0' && **p <= '9'; ++*p, digits++)
      v += (**p - '0') * (scale /= 10);
  *amount = minus ? -v : v;
  return digits;
}

/* [-0, +0, -] [sign]hours:minutes[:seconds], the hours being read already */
static int read_clock(const char **p, const char *end, double hours, int minus,
                      interval *v) {
  double minutes, seconds = 0;
  ++*p;
  if (!read_amount(p, end, &minutes) || minutes < 0 || minutes > 59 ||
      minutes != floor(minutes))
    return 0;
  if (*p < end && **p == ':') {
    ++*p;
    if (!read_amount(p, end, &seconds) || seconds < 0 || seconds >= 60)
      return 0;
  }
  seconds = fabs(hours) * 3600 + minutes * 60 + seconds;
  return add_unit(v, find_unit("second", 6), minus ? -seconds : seconds);
}

/* [-0, +0, -] 1, or 0 if it is not such text */
static int read_text(const char *p, size_t n, interval *v) {
  const char *end = p + n, *start;
  int parts = 0;
  for (;; parts++) {
    const struct unit *u;
    double amount;
    int minus;
    while (p < end && *p == ' ') p++;
    if (p == end) return parts > 0;
    minus = *p == '-';
    if (!read_amount(&p, end, &amount)) return 0;
    if (p < end && *p == ':') {
      if (!read_clock(&p, end, amount, minus, v)) return 0;
      continue;
    }
    while (p < end && *p == ' ') p++;
    for (start = p; p < end && *p >= 'a' && *p <= 'z';) p++;
    u = find_unit(start, (size_t)(p - start));
    if (u == NULL || !add_unit(v, u, amount)) return 0;
  }
}

/* [-0, +0, e] */
static void get_interval(lua_State *L, int idx, interval *v) {
  memset(v, 0, sizeof *v);
  if (lua_istable(L, idx)) {
    read_table(L, idx, v);
  } else if (lua_type(L, idx) == LUA_TNUMBER) {
    if (!add_unit(v, find_unit("second", 6), lua_tonumber(L, idx)))
      pgv_dataerror(L, "22008", "interval out of range");
  } else if (lua_type(L, idx) == LUA_TSTRING) {
    size_t n;
    const char *s = lua_tolstring(L, idx, &n);
    if (!read_text(s, n, v))
      pgv_dataerror(L, "22007",
                    "invalid input syntax for type interval: \"%.60s\"", s);
  } else {
    pgv_dataerror(L, "22007", "expected interval, got %s",
                  pgv_describe(L, idx));
  }
}

void pgv_interval_send(lua_State *L, int idx, int dim, pgv_buf *b) {
  interval v;
  char *p;
  (void)dim;
  get_interval(L, idx, &v);
  p = pgv_buf_room(L, b, 16);
  pgv_put64(p, (uint64_t)v.usecs);
  pgv_put32(p + 8, (uint32_t)v.days);
  pgv_put32(p + 12, (uint32_t)v.months);
  b->n += 16;
}

void pgv_interval_print(lua_State *L, int idx, int dim, pgv_buf *b) {
  interval v;
  int64_t seconds, rest;
  if (lua_type(L, idx) == LUA_TSTRING) {
    pgv_text_send(L, idx, dim, b);
    return;
  }
  get_interval(L, idx, &v);
  seconds = v.usecs / USECS_PER_SEC;
  rest = v.usecs % USECS_PER_SEC;
  b->n += (size_t)sprintf(
      pgv_buf_room(L, b, 128), "%lld mons %lld days %s%lld.%06d secs",
      (long long)v.months, (long long)v.days, v.usecs < 0 ? "-" : "",
      (long long)(seconds < 0 ? -seconds : seconds),
      (int)(rest < 0 ? -rest : rest));
}
