/*
** Dates and times as PostgreSQL counts them: days and microseconds since
** 2000-01-01, in the Gregorian calendar without a beginning.
*/
#ifndef PGV_CALENDAR_H
#define PGV_CALENDAR_H

#include <stddef.h>
#include <stdint.h>

#define USECS_PER_SEC INT64_C(1000000)
#define USECS_PER_DAY (86400 * USECS_PER_SEC)
#define DAYS_FROM_UNIX 10957 /* 1970-01-01 to 2000-01-01 */
#define USECS_FROM_UNIX (DAYS_FROM_UNIX * USECS_PER_DAY)

/* what the server keeps, exclusive at the end */
#define MIN_DATE (-2451545)
#define END_DATE INT64_C(2145031949)
#define MIN_TIMESTAMP (MIN_DATE * USECS_PER_DAY)
#define END_TIMESTAMP INT64_C(9223371331200000000)

/* its infinities */
#define DATE_INFINITY INT32_MAX
#define DATE_MINUS_INFINITY INT32_MIN
#define TIME_INFINITY INT64_MAX
#define TIME_MINUS_INFINITY INT64_MIN

#define PGV_TIME_TEXT 64 /* room for any text below */

typedef struct pgv_datetime {
  int64_t days;  /* since 2000-01-01 */
  int64_t usecs; /* of the day, up to 24:00 */
  int zone;      /* seconds east of UTC */
  char has_date, has_time, has_zone;
  signed char infinite; /* 1, -1, or 0 */
} pgv_datetime;

/* days since 2000-01-01; year 0 is 1 BC */
int64_t pgv_days_of(int64_t year, int month, int day);
/* is it a day of the calendar? */
int pgv_valid_date(int64_t year, int month, int day);
/* reads ISO 8601 and what the server prints; 0 if it is neither */
int pgv_read_datetime(const char *p, size_t n, pgv_datetime *t);

/* these write text without a zero byte and return where it ends */
char *pgv_print_date(char *p, int64_t days);
char *pgv_print_time(char *p, int64_t usecs);
char *pgv_print_zone(char *p, int seconds_east);
char *pgv_print_timestamp(char *p, int64_t usecs, const char *zone);

#endif
