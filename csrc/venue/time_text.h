/* time_text.h -- RFC 3339 times as several venues write them ("2023-10-06T17:35:55.440295Z") to epoch ns.
 *
 * For: venue files whose messages carry times as text (Kraken, Coinbase).  UTC alone: an offset other than Z is refused.
 */
#ifndef AATS_VENUE_TIME_TEXT_H
#define AATS_VENUE_TIME_TEXT_H

#include <stddef.h>
#include <stdint.h>

static inline int time_text_digits(char const *s, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') return -1;
        v = 10 * v + (s[i] - '0');
    }
    return v;
}

/* time_text_ns returns the epoch ns of a text of n bytes, digits beyond the ninth behind the point cut off; 0 for anything else. */
static inline int64_t time_text_ns(char const *s, size_t n)
{
    if (n < 20 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != ' ') || s[13] != ':' || s[16] != ':' || s[n - 1] != 'Z') return 0;
    int const year = time_text_digits(s, 4), month = time_text_digits(s + 5, 2), day = time_text_digits(s + 8, 2);
    int const hour = time_text_digits(s + 11, 2), minute = time_text_digits(s + 14, 2), second = time_text_digits(s + 17, 2);
    if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60)
        return 0;
    int64_t ns = 0, unit = 100000000;
    if (n > 20) {
        if (s[19] != '.' || n == 21) return 0;
        for (size_t i = 20; i < n - 1; i++) {
            if (s[i] < '0' || s[i] > '9') return 0;
            ns += (s[i] - '0') * unit;
            unit /= 10;
        }
    }
    /* days since 1970 by the civil calendar, March first: a leap day is the last of its year */
    int const y = year - (month <= 2), m = (month + 9) % 12;
    int64_t const days = 365LL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000000000 + ns;
}

#endif
