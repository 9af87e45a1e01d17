/*
** The calendar's arithmetic and its text. It knows nothing of Lua.
*/
#include "calendar.h"

#include <stdio.h>
#include <string.h>

#include "digits.h"

/* floor division by a positive divisor */
static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/*
** A year that starts in March ends with the leap day, and 400 of them have
** always the same 146097 days.
*/
int64_t pgv_days_of(int64_t year, int month, int day) {
  int64_t y = month > 2 ? year : year - 1;
  int64_t era = floor_div(y, 400);
  int64_t of_era = y - era * 400;
  int of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
         719468 - DAYS_FROM_UNIX;
}

/* the reverse */
static void date_of(int64_t days, int64_t *year, int *month, int *day) {
  int64_t d = days + DAYS_FROM_UNIX + 719468;
  int64_t era = floor_div(d, 146097);
  int64_t in_era = d - era * 146097;
  int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  int in_year = (int)(in_era - (365 * y + y / 4 - y / 100));
  int m = (5 * in_year + 2) / 153; /* from March */
  *day = in_year - (153 * m + 2) / 5 + 1;
  *month = m < 10 ? m + 3 : m - 9;
  *year = y + era * 400 + (*month <= 2);
}

int pgv_valid_date(int64_t year, int month, int day) {
  static const char length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month >= 1 && month <= 12 && day >= 1 &&
         day <= length[month - 1] + (month == 2 && leap);
}

/* ---- text → value ---- */

typedef struct cursor {
  const char *p, *end;
} cursor;

/* the next character, if it is this one */
static int take(cursor *c, char wanted) {
  if (c->p == c->end || *c->p != wanted) return 0;
  c->p++;
  return 1;
}

/* a number of min to max digits, or -1 */
static int64_t take_digits(cursor *c, int min, int max) {
  int64_t v = 0;
  int n = 0;
  while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && n < max) {
    v = v * 10 + (*c->p++ - '0');
    n++;
  }
  return n < min ? -1 : v;
}

static int take_word(cursor *c, const char *word) {
  size_t n = strlen(word);
  if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0) return 0;
  c->p += n;
  return 1;
}

/* YYYY-MM-DD with as many digits for the year as it needs */
static int take_date(cursor *c, int64_t *year, int *month, int *day) {
  *year = take_digits(c, 4, 7);
  if (*year < 0 || !take(c, '-')) return 0;
  *month = (int)take_digits(c, 2, 2);
  if (!take(c, '-')) return 0;
  *day = (int)take_digits(c, 2, 2);
  return *month > 0 && *day > 0;
}

/* HH:MM[:SS[.fraction]] as microseconds, or -1; digits after the sixth round */
static int64_t take_time(cursor *c) {
  int64_t hour = take_digits(c, 2, 2), minute, second = 0, usecs = 0;
  if (hour < 0 || !take(c, ':')) return -1;
  minute = take_digits(c, 2, 2);
  if (take(c, ':')) {
    second = take_digits(c, 2, 2);
    if (take(c, '.') || take(c, ',')) {
      const char *start = c->p;
      usecs = take_digits(c, 1, 6);
      if (usecs < 0) return -1;
      for (start += 6; start > c->p; start--) usecs *= 10;
      if (c->p < c->end && *c->p >= '5' && *c->p <= '9') usecs++;
      while (take_digits(c, 1, 18) >= 0) {}
    }
  }
  if (hour > 24 || minute < 0 || minute > 59 || second < 0 || second > 60)
    return -1;
  usecs += ((hour * 60 + minute) * 60 + second) * USECS_PER_SEC;
  return usecs > USECS_PER_DAY ? -1 : usecs;
}

/* Z, ±HH, ±HHMM or ±HH:MM[:SS] */
static int take_zone(cursor *c, pgv_datetime *t) {
  int64_t hour, minute = 0, second = 0;
  int minus;
  if (take(c, 'Z') || take(c, 'z')) {
    t->has_zone = 1;
    return 1;
  }
  if (c->p == c->end || (*c->p != '+' && *c->p != '-')) return 1; /* none */
  minus = *c->p++ == '-';
  hour = take_digits(c, 2, 2);
  if (take(c, ':')) {
    minute = take_digits(c, 2, 2);
    if (take(c, ':')) second = take_digits(c, 2, 2);
  } else if (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
    minute = take_digits(c, 2, 2);
  }
  if (hour < 0 || hour > 15 || minute < 0 || minute > 59 || second < 0 ||
      second > 59)
    return 0;
  t->zone = (int)((hour * 60 + minute) * 60 + second);
  if (minus) t->zone = -t->zone;
  t->has_zone = 1;
  return 1;
}

int pgv_read_datetime(const char *p, size_t n, pgv_datetime *t) {
  cursor c;
  int64_t year = 0;
  int month = 0, day = 0;
  c.p = p;
  c.end = p + n;
  memset(t, 0, sizeof *t);
  if (take_word(&c, "infinity")) t->infinite = 1;
  if (take_word(&c, "-infinity")) t->infinite = -1;
  if (t->infinite) return c.p == c.end;
  if (n > 2 && p[2] != ':') {
    if (!take_date(&c, &year, &month, &day)) return 0;
    t->has_date = 1;
  }
  if (!t->has_date || take(&c, 'T') || take(&c, 't') ||
      (c.end - c.p > 1 && c.p[1] != 'B' && take(&c, ' '))) {
    t->usecs = take_time(&c);
    if (t->usecs < 0) return 0;
    t->has_time = 1;
    if (!take_zone(&c, t)) return 0;
  }
  if (t->has_date) {
    if (take_word(&c, " BC")) year = 1 - year;
    if (!pgv_valid_date(year, month, day)) return 0;
    t->days = pgv_days_of(year, month, day);
  }
  return c.p == c.end;
}

/* ---- value → text, as the server with DateStyle ISO ---- */

static char *print_ymd(char *p, int64_t days, int *bc) {
  int64_t year;
  int month, day;
  date_of(days, &year, &month, &day);
  *bc = year <= 0;
  if (*bc) year = 1 - year;
  if (year < 10000)
    p = pgv_put_digits(p, (unsigned)year, 4);
  else
    p += sprintf(p, "%lld", (long long)year);
  *p++ = '-';
  p = pgv_put_digits(p, (unsigned)month, 2);
  *p++ = '-';
  return pgv_put_digits(p, (unsigned)day, 2);
}

static char *print_word(char *p, const char *word) {
  size_t n = strlen(word);
  memcpy(p, word, n);
  return p + n;
}

char *pgv_print_date(char *p, int64_t days) {
  int bc;
  p = print_ymd(p, days, &bc);
  return print_word(p, bc ? " BC" : "");
}

/* HH, HH:MM or HH:MM:SS, by how many parts there are */
static char *print_clock(char *p, unsigned seconds, int parts) {
  p = pgv_put_digits(p, seconds / 3600, 2);
  if (parts < 2) return p;
  *p++ = ':';
  p = pgv_put_digits(p, seconds / 60 % 60, 2);
  if (parts < 3) return p;
  *p++ = ':';
  return pgv_put_digits(p, seconds % 60, 2);
}

char *pgv_print_time(char *p, int64_t usecs) {
  unsigned fraction = (unsigned)(usecs % USECS_PER_SEC);
  p = print_clock(p, (unsigned)(usecs / USECS_PER_SEC), 3);
  if (fraction == 0) return p;
  *p++ = '.';
  p = pgv_put_digits(p, fraction, 6);
  while (p[-1] == '0') p--;
  return p;
}

char *pgv_print_zone(char *p, int seconds_east) {
  unsigned s = (unsigned)(seconds_east < 0 ? -seconds_east : seconds_east);
  *p++ = seconds_east < 0 ? '-' : '+';
  return print_clock(p, s, s % 60 != 0 ? 3 : s % 3600 != 0 ? 2 : 1);
}

char *pgv_print_timestamp(char *p, int64_t usecs, const char *zone) {
  int64_t days = floor_div(usecs, USECS_PER_DAY);
  int bc;
  p = print_ymd(p, days, &bc);
  *p++ = ' ';
  p = pgv_print_time(p, usecs - days * USECS_PER_DAY);
  p = print_word(p, zone);
  return print_word(p, bc ? " BC" : "");
}
