"""Every transcript at every trading venue's simulated dialect: the same callbacks in the same order with the same codes, or a reason here why not.

`ELSEWHERE` is held in both directions: a case that is declared there and is reproduced all the same fails.
"""

from __future__ import annotations

import pytest

from tests.conformance.rows import rows
from tests.orders.anywhere import play
from tests.orders.transcripts import Mismatch, cases

CASES = cases()
FUTURES = ("BINANCE_SWAP", "BINANCE_COINM")
SWAPS = (*FUTURES, "OKX_SWAP", "BYBIT_SWAP")
OKX, BYBIT = ("OKX", "OKX_SWAP"), ("BYBIT", "BYBIT_SWAP")
AMENDS = (*FUTURES, *OKX, *BYBIT, "COINBASE", "KRAKEN")
VENUES = ("BINANCE", "BINANCEUS", *AMENDS)

_WORDS = "it forges an answer in the words of Binance spot, whose own runners play it (test_transcripts.py); each venue has its own errors"
_COUNTED = "its events carry sums of an order, and what has come late says no more than the newest one"
_OPEN = "OPEN: differs from the transcript here, and is not explained by the venue yet"

#: Case to venues and the reason why the case is not to be had there as it is written.
ELSEWHERE: dict[str, list[tuple[tuple[str, ...], str]]] = {
    **{case: [(VENUES, _WORDS)] for case in ("unknown_error_code", "venue_ban", "venue_key_refused", "venue_rate_limit", "venue_refusals")},
    "expired_by_venue": [(VENUES, "no dialect ends a resting order without a reason")],
    "refused_amend": [(AMENDS, "the venue amends orders")],
    "refused_reduce_only": [(SWAPS, "a perpetual takes orders that may only reduce, and refuses them in its own words")],
    "fok_not": [(FUTURES, "a FOK order that is not filled whole is refused, not taken and ended")],
    "market_beyond_book": [(OKX, "what is left of a market order ends with the source that ends an IOC order's rest")],
    "self_trade": [((*OKX, *BYBIT, "COINBASE", "KRAKEN"), "the order that comes ends, not the one that rests")],
    "refused_price_band": [(AMENDS, "its instruments carry no band that is checked here")],
    "refused_price_range": [
        ((*OKX, "BYBIT", "COINBASE", "KRAKEN"), "its instruments carry no highest price: the venue refuses in its own words")
    ],
    "refused_notional": [
        ((*FUTURES, *OKX, "BYBIT_SWAP", "COINBASE", "KRAKEN"), "no least worth stands above two of its smallest lots here")
    ],
    "refused_below_minimum": [
        (
            tuple(venue for venue in VENUES if venue != "KRAKEN"),
            "its smallest size is a lot, or its least worth is what refuses so small an order",
        )
    ],
    "cancel_of_rejected": [(("KRAKEN",), "a post-only order that would take is taken and ended")],
    "pos_would_cross": [(("KRAKEN",), "a post-only order that would take is taken and ended")],
    "cancel_rejected_before_fill": [(BYBIT, "a cancel is acknowledged when it is taken; what became of it is an event")],
    "end_overtakes_fill": [(("KRAKEN",), _OPEN)],
    "fill_lost": [(BYBIT, _OPEN), (("COINBASE",), _COUNTED)],
    "fill_lost_then_canceled": [(("KRAKEN",), _OPEN)],
    "fills_backwards": [(("COINBASE",), _COUNTED)],
    "close_with_open_orders": [(("COINBASE",), "orders go by HTTP on several connections: two cancels may be answered in either order")],
    "two_strategies": [(("COINBASE",), "orders go by HTTP on several connections: two orders may be answered in either order")],
    "answer_late": [(("COINBASE",), _OPEN)],
    "cancel_after_fill": [(("COINBASE",), _OPEN)],
    "cut_cancel_before_ack": [(("COINBASE",), _OPEN)],
}
REASONS = {(case, venue): reason for case, entries in ELSEWHERE.items() for venues, reason in entries for venue in venues}


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("name", CASES)
def test_transcript_is_reproduced_or_declared(name: str, venue: str) -> None:
    if (name, venue) not in REASONS:
        play(CASES[name], rows()[venue])
        return
    with pytest.raises(Mismatch):  # a declaration that is not needed may not stand
        play(CASES[name], rows()[venue])


def test_what_is_declared_is_there() -> None:
    assert {case for case, _ in REASONS} <= set(CASES) and {venue for _, venue in REASONS} <= set(VENUES)
    assert all(REASONS.values())
