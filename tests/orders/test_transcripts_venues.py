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
_COUNTED = (
    "there are no messages of trades, events count what is filled in all (exchanges/coinbase.md section 5): fills are asked for, "
    "and come in their true order"
)
_TWO_WAYS = "orders go by REST alone (exchanges/coinbase.md), on several connections: of two requests either may be answered first"

#: Case to venues and the reason why the case is not to be had there as it is written.
ELSEWHERE: dict[str, list[tuple[tuple[str, ...], str]]] = {
    **{case: [(VENUES, _WORDS)] for case in ("unknown_error_code", "venue_ban", "venue_key_refused", "venue_rate_limit", "venue_refusals")},
    "expired_by_venue": [(VENUES, "no order with an end of its own is sent, and no dialect ends another without a reason")],
    "refused_amend": [(AMENDS, "the venue amends orders")],
    "refused_reduce_only": [
        (SWAPS, "a perpetual takes orders that may only reduce, and refuses them by itself where there is no position")
    ],
    "fok_not": [
        (
            FUTURES,
            "a FOK order that is not filled whole is refused with -5021 (exchanges/binance_usdm_futures.md section 7), not taken and ended",
        )
    ],
    "self_trade": [
        (
            ("COINBASE",),
            "which of two own orders ends cannot be chosen, and nothing tells which, or in which words (exchanges/coinbase.md section 5): "
            "the dialect ends the one that comes, without a reason, and that is canceled_other",
        )
    ],
    "refused_price_band": [
        (
            FUTURES,
            "its band (PERCENT_PRICE, exchanges/binance_usdm_futures.md section 4) is around the mark price, which is not known here",
        ),
        (
            (*OKX, *BYBIT, "COINBASE", "KRAKEN"),
            "its instruments carry no band (section 4 of each sheet): the venue refuses in its own words",
        ),
    ],
    "refused_price_range": [
        (
            (*OKX, "BYBIT", "COINBASE", "KRAKEN"),
            "its instruments carry no highest price (section 4 of each sheet): the venue refuses in its own words",
        )
    ],
    "refused_notional": [
        (
            (*FUTURES, *OKX, "BYBIT_SWAP", "COINBASE", "KRAKEN"),
            "no least worth stands above two of its smallest lots here: none at all, or a lot that is worth more",
        )
    ],
    "refused_below_minimum": [
        (
            tuple(venue for venue in VENUES if venue != "KRAKEN"),
            "its smallest size is a lot, or its least worth is what refuses so small an order",
        )
    ],
    "cancel_rejected_before_fill": [
        (BYBIT, "a good answer to a cancel says that it was taken; what became of it is an event (exchanges/bybit_v5.md section 5.1)")
    ],
    "fill_lost": [(("COINBASE",), _COUNTED)],
    "fills_backwards": [(("COINBASE",), _COUNTED)],
    "cancel_after_fill": [
        (
            ("COINBASE",),
            "there are no messages of trades (exchanges/coinbase.md section 5): its end is known before its fill, and answers the cancel",
        )
    ],
    "cut_cancel_before_ack": [
        (
            ("COINBASE",),
            "cancels go by the venue's id alone (exchanges/coinbase.md section 5): this one goes when the order is found, not before the cut; "
            "nothing of it is unknown, so that onReconciled does not wait for it",
        )
    ],
    "close_with_open_orders": [(("COINBASE",), _TWO_WAYS)],
    "two_strategies": [(("COINBASE",), _TWO_WAYS)],
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
