/* codes.c -- the names of order codes; see codes.h. */
#include "order/codes.h"

#include <stddef.h>

static char const *const NAMES[AATS_OC_CNT] = {
    [AATS_OC_NONE]            = "",
    [AATS_OC_ORDERS_FULL]     = "orders_full",
    [AATS_OC_DUPLICATE_ID]    = "duplicate_id",
    [AATS_OC_CLOSING]         = "closing",
    [AATS_OC_MARGIN]          = "margin",
    [AATS_OC_OFF_TICK]        = "off_tick",
    [AATS_OC_OFF_LOT]         = "off_lot",
    [AATS_OC_PRICE_RANGE]     = "price_range",
    [AATS_OC_SIZE_RANGE]      = "size_range",
    [AATS_OC_NOTIONAL]        = "notional",
    [AATS_OC_PRICE_BAND]      = "price_band",
    [AATS_OC_NUMBER]          = "number",
    [AATS_OC_NOT_CONNECTED]   = "not_connected",
    [AATS_OC_RATE_LIMIT]      = "rate_limit",
    [AATS_OC_BANNED]          = "banned",
    [AATS_OC_JOURNAL]         = "journal",
    [AATS_OC_HALTED]          = "halted",
    [AATS_OC_RISK_SIZE]       = "risk_size",
    [AATS_OC_RISK_NOTIONAL]   = "risk_notional",
    [AATS_OC_RISK_POSITION]   = "risk_position",
    [AATS_OC_RISK_EXPOSURE]   = "risk_exposure",
    [AATS_OC_RISK_OPEN]       = "risk_open",
    [AATS_OC_RISK_RATE]       = "risk_rate",
    [AATS_OC_RISK_COLLAR]     = "risk_collar",
    [AATS_OC_RISK_BOOK]       = "risk_book",
    [AATS_OC_RISK_DUPLICATE]  = "risk_duplicate",
    [AATS_OC_RISK_LOSS]       = "risk_loss",
    [AATS_OC_REDUCE_ONLY]     = "reduce_only",
    [AATS_OC_RISK_HALTED]     = "risk_halted",
    [AATS_OC_FENCED]          = "fenced",
    [AATS_OC_RISK_FULL]       = "risk_full",
    [AATS_OC_VENUE]           = "venue",
    [AATS_OC_WOULD_CROSS]     = "would_cross",
    [AATS_OC_BALANCE]         = "balance",
    [AATS_OC_FILTER]          = "filter",
    [AATS_OC_AUTH]            = "auth",
    [AATS_OC_TIMESTAMP]       = "timestamp",
    [AATS_OC_VENUE_DUPLICATE] = "venue_duplicate",
    [AATS_OC_NOT_RECEIVED]    = "not_received",
    [AATS_OC_CANCELED]        = "canceled",
    [AATS_OC_EXPIRED]         = "expired",
    [AATS_OC_IOC_REST]        = "ioc_rest",
    [AATS_OC_SELF_TRADE]      = "self_trade",
    [AATS_OC_CANCELED_OTHER]  = "canceled_other",
    [AATS_OC_FILLED]          = "filled",
    [AATS_OC_FILLS_MISSING]   = "fills_missing",
    [AATS_OC_UNKNOWN_ORDER]   = "unknown_order",
    [AATS_OC_ORDER_CLOSED]    = "order_closed",
    [AATS_OC_CANCEL_PENDING]  = "cancel_pending",
    [AATS_OC_TIMEOUT]         = "timeout",
    [AATS_OC_DISCONNECTED]    = "disconnected",
    [AATS_OC_VENUE_UNSURE]    = "venue_unsure",
};

char const *aats_code_name(int code)
{
    return code < 0 || code >= AATS_OC_CNT || NAMES[code] == NULL ? "?" : NAMES[code];
}
