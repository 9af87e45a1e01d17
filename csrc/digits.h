/*
** Decimal digits of a fixed count: a good deal faster than printf where a
** result has millions of dates and numerics.
*/
#ifndef PGV_DIGITS_H
#define PGV_DIGITS_H

/* writes v with leading zeros, and returns where it ends */
static inline char *pgv_put_digits(char *p, unsigned v, int width) {
  int i;
  for (i = width - 1; i >= 0; i--) {
    p[i] = (char)('0' + v % 10);
    v /= 10;
  }
  return p + width;
}

#endif
