/* codes.h -- why an order was refused, ended, or a cancel was not taken: the machine-readable `code` of an order message.
 *
 * For: callbacks, tools and tests that decide by reason.  Not the venue's own numbers: those stand in `msg` beside its text.
 */
#ifndef AATS_ORDER_CODES_H
#define AATS_ORDER_CODES_H

/* cdef-begin */
enum {
    AATS_OC_NONE = 0,
    /* refused here, before a byte went out */
    AATS_OC_ORDERS_FULL = 1,     /* the order table has no free slot */
    AATS_OC_DUPLICATE_ID = 2,    /* this Order was sent before */
    AATS_OC_CLOSING = 3,         /* after close() */
    AATS_OC_MARGIN = 4,          /* the venue file declares no margin */
    AATS_OC_OFF_TICK = 5,
    AATS_OC_OFF_LOT = 6,
    AATS_OC_PRICE_RANGE = 7,     /* outside minPrice .. maxPrice, or no price at all */
    AATS_OC_SIZE_RANGE = 8,      /* outside minQty .. maxQty, or rounded to zero */
    AATS_OC_NOTIONAL = 9,        /* below the minimum or above the maximum notional */
    AATS_OC_PRICE_BAND = 10,     /* percent price filter */
    AATS_OC_NUMBER = 11,         /* price or size is no number, or does not fit 64 bits */
    AATS_OC_NOT_CONNECTED = 12,  /* the order session is not ready */
    AATS_OC_RATE_LIMIT = 13,     /* ours or the venue's word: too many orders or requests for now */
    AATS_OC_BANNED = 14,         /* the venue has banned this address for a time */
    AATS_OC_JOURNAL = 15,        /* the intent could not be written down */
    AATS_OC_HALTED = 16,         /* the symbol does not trade */
    AATS_OC_UNSUPPORTED = 31,    /* this venue, or this market, has no such thing: an amendment, reduce-only */
    /* refused here, by a limit of this host (csrc/risk/gate.h) */
    AATS_OC_RISK_SIZE = 17,      /* the order's size */
    AATS_OC_RISK_NOTIONAL = 18,  /* the order's notional */
    AATS_OC_RISK_POSITION = 19,  /* position, open orders included */
    AATS_OC_RISK_EXPOSURE = 20,
    AATS_OC_RISK_OPEN = 21,      /* too many open orders */
    AATS_OC_RISK_RATE = 22,      /* too many orders, or cancels, in a second or a day */
    AATS_OC_RISK_COLLAR = 23,    /* too far from the live book */
    AATS_OC_RISK_BOOK = 24,      /* the book is not good, and nothing allows that */
    AATS_OC_RISK_DUPLICATE = 25, /* the same order again, too soon */
    AATS_OC_RISK_LOSS = 26,      /* the day's loss */
    AATS_OC_REDUCE_ONLY = 27,    /* the kill switch lets positions shrink only */
    AATS_OC_RISK_HALTED = 28,    /* the kill switch lets nothing out */
    AATS_OC_FENCED = 29,         /* somebody else has taken over this strategy's orders: it was thought dead */
    AATS_OC_RISK_FULL = 30,      /* no room in the risk segment, or it cannot be used */
    /* refused by the venue */
    AATS_OC_VENUE = 32,          /* any reason without a code of its own: see msg */
    AATS_OC_WOULD_CROSS = 33,    /* post only, and it would have traded at once */
    AATS_OC_BALANCE = 34,        /* insufficient balance */
    AATS_OC_FILTER = 35,         /* a filter of the venue */
    AATS_OC_AUTH = 36,           /* key, signature or permission */
    AATS_OC_TIMESTAMP = 37,      /* outside its window of time */
    AATS_OC_VENUE_DUPLICATE = 38,
    AATS_OC_NOT_RECEIVED = 39,   /* asked for: it never arrived */
    /* how it ended */
    AATS_OC_CANCELED = 48,       /* by a cancel request of ours */
    AATS_OC_EXPIRED = 49,        /* the venue ended it, and the rest of a FOK or market order */
    AATS_OC_IOC_REST = 50,
    AATS_OC_SELF_TRADE = 51,     /* self-trade prevention */
    AATS_OC_CANCELED_OTHER = 52, /* canceled, not by us */
    AATS_OC_FILLED = 53,
    AATS_OC_FILLS_MISSING = 54,  /* it has ended, and fills that the venue counts cannot be had of it: what was told is not all */
    /* why a cancel request was not taken */
    AATS_OC_UNKNOWN_ORDER = 64,  /* no such order, or one that is closed already */
    AATS_OC_ORDER_CLOSED = 65,   /* the order ended before the cancel did */
    AATS_OC_CANCEL_PENDING = 66, /* an earlier cancel request is not answered yet */
    /* why an amend request was not taken, beside the venue's reasons and those above */
    AATS_OC_AMEND_PENDING = 67,  /* an earlier amend request is not answered yet */
    /* why its outcome is being asked for */
    AATS_OC_TIMEOUT = 80,
    AATS_OC_DISCONNECTED = 81,
    AATS_OC_VENUE_UNSURE = 82,   /* the venue says that it does not know either */
    AATS_OC_CNT = 96
};

/* aats_code_name returns the name as messages carry it ("off_tick"), "" for NONE, "?" for a number that is none. */
char const *aats_code_name(int code);
/* cdef-end */

#endif
