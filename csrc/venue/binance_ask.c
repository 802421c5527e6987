#include "venue/binance_ask.h"

#include <stdio.h>
#include <string.h>

#include "venue/venue.h"

int binance_path(char *out, size_t cap)
{
    int n = snprintf(out, cap, "/stream");
    return n < (int)cap ? n : AATS_E_FULL;
}

/* {"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@trade"],"id":1}; the symbol in lower case (exchanges/binance_spot.md, 1) */
int binance_ask(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt,
                binance_stream_t const *names, size_t name_cnt)
{
    size_t at = 0;
    char const *comma = "";
    int n = snprintf(out, cap, "{\"method\":\"%s\",\"params\":[", off ? "UNSUBSCRIBE" : "SUBSCRIBE");
    for (size_t i = 0; i < cnt; i++) {
        for (size_t k = 0; k < name_cnt; k++) {
            if (!(streams & names[k].bit)) continue;
            at += (size_t)n;
            if (at >= cap) return AATS_E_FULL;
            char low[AATS_SYMBOL_SZ];
            size_t len = strnlen(native[i], sizeof low - 1);
            for (size_t c = 0; c < len; c++) low[c] = native[i][c] >= 'A' && native[i][c] <= 'Z' ? (char)(native[i][c] + 32) : native[i][c];
            low[len] = 0;
            n = snprintf(out + at, cap - at, "%s\"%s@%s\"", comma, low, names[k].suffix);
            comma = ",";
        }
    }
    at += (size_t)n;
    if (at >= cap) return AATS_E_FULL;
    n = snprintf(out + at, cap - at, "],\"id\":%llu}", (unsigned long long)id);
    at += (size_t)n;
    return at < cap ? (int)at : AATS_E_FULL;
}
