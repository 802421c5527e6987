/* limits.h -- sizes that several layers agree on.  Numbers that a user may change are in the config instead. */
#ifndef AATS_BASE_LIMITS_H
#define AATS_BASE_LIMITS_H

/* cdef-begin */
#define AATS_LINE           64      /* bytes of a cache line: fields of different writers lie on different lines */
#define AATS_LEVEL_MAX      1000    /* deepest level_num */
#define AATS_DIR_MAX        1024    /* symbols of one feed */
#define AATS_SYMBOL_SZ      48      /* bytes of a symbol name with its final zero ("BTCUSDT.BINANCE") */
#define AATS_NAME_SZ        48      /* bytes of a feed, strategy or process name with its final zero */
#define AATS_SLOT_MAX       256     /* processes (roles) in the control table */
#define AATS_LINK_MAX       8       /* connections to the venue of one feed */
#define AATS_FEED_MAX       16      /* feeds that one reader follows */
#define AATS_RING_LEVELS    20      /* deepest book that travels in a ring slot; deeper ones say `deep` */
/* cdef-end */

#endif
