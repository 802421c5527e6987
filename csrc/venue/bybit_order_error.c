/* bybit_order_error.c -- what Bybit's errors mean for an order.
 *
 * Facts: exchanges/bybit_v5.md, section 7.  Odd behaviours are numbered in bybit_order.c. */
#include "venue/bybit_order.h"

enum { UNSURE = 1, FATAL = 2, BUSY = 4, CLOCK = 8 };

static struct { int code; unsigned what; uint32_t oc; } const CODES[] = {
    {10000, UNSURE, AATS_OC_NONE},        {10016, UNSURE, AATS_OC_NONE},       {10019, UNSURE, AATS_OC_NONE}, /* V-15 */
    {10014, UNSURE, AATS_OC_NONE},        {20006, UNSURE, AATS_OC_NONE},       {170146, UNSURE, AATS_OC_NONE},
    {170147, UNSURE, AATS_OC_NONE},       {110079, UNSURE, AATS_OC_NONE},      {40004, UNSURE, AATS_OC_NONE}, /* V-16 */
    {170144, UNSURE, AATS_OC_NONE},       {170191, UNSURE, AATS_OC_NONE},      {170212, UNSURE, AATS_OC_NONE},
    {10002, CLOCK, AATS_OC_TIMESTAMP},
    {10003, FATAL, AATS_OC_AUTH},         {10004, FATAL, AATS_OC_AUTH},        {10005, FATAL, AATS_OC_AUTH},
    {10007, FATAL, AATS_OC_AUTH},         {10009, FATAL, AATS_OC_AUTH},        {10010, FATAL, AATS_OC_AUTH},
    {33004, FATAL, AATS_OC_AUTH},
    {10006, BUSY, AATS_OC_RATE_LIMIT},    {20003, BUSY, AATS_OC_RATE_LIMIT},   {10403, BUSY, AATS_OC_RATE_LIMIT},
    {10429, BUSY, AATS_OC_RATE_LIMIT},
    {110001, 0, AATS_OC_UNKNOWN_ORDER},   {170213, 0, AATS_OC_UNKNOWN_ORDER},  {110008, 0, AATS_OC_UNKNOWN_ORDER},
    {110010, 0, AATS_OC_UNKNOWN_ORDER},   {170139, 0, AATS_OC_UNKNOWN_ORDER},  {170142, 0, AATS_OC_UNKNOWN_ORDER},
    {170143, 0, AATS_OC_UNKNOWN_ORDER},
    {110003, 0, AATS_OC_FILTER},          {170132, 0, AATS_OC_FILTER},         {170133, 0, AATS_OC_FILTER},
    {30208, 0, AATS_OC_FILTER},           {30209, 0, AATS_OC_FILTER},          {110094, 0, AATS_OC_FILTER},
    {170140, 0, AATS_OC_FILTER},          {170134, 0, AATS_OC_FILTER},         {170136, 0, AATS_OC_FILTER},
    {170137, 0, AATS_OC_FILTER},
    {110004, 0, AATS_OC_BALANCE},         {110007, 0, AATS_OC_BALANCE},        {110012, 0, AATS_OC_BALANCE},
    {170131, 0, AATS_OC_BALANCE},
    {110017, 0, AATS_OC_REDUCE_ONLY},
    {110072, 0, AATS_OC_VENUE_DUPLICATE}, {170141, 0, AATS_OC_VENUE_DUPLICATE},
};

void bybit_judge(aats_oreply_t *r)
{
    unsigned what = 0;
    r->oc = AATS_OC_VENUE;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
        if (CODES[i].code != r->code) continue;
        what = CODES[i].what;
        r->oc = CODES[i].oc;
    }
    if (what & UNSURE) r->oc = AATS_OC_VENUE_UNSURE;
    r->unsure = (what & UNSURE) != 0;
    r->fatal = (what & FATAL) != 0;
    r->busy = (what & BUSY) != 0;
    r->clock = (what & CLOCK) != 0;
}
