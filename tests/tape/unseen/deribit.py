"""Deribit: exchanges/deribit.md sections 2 and 3."""

from __future__ import annotations

from decimal import Decimal

from tests.tape.unseen.market import Style, Tape, View


def deribit(seed: str, frames: int = 150) -> Tape:
    tape = Tape(seed)
    draw, address = tape.draw, "wss://streams.deribit.com/ws/api/v2"
    names = ("BTC-PERPETUAL", "ETH-30APR26-2560-P", "XRP_USDC-30JUN23-0d625-C")
    books = {name: View(tape.market(draw.choice((2, 25, 200)))) for name in names}
    numbers = dict.fromkeys(books, draw.randint(10, 10**11))

    def number(value: Decimal, style: Style) -> str:
        text = f"{value.normalize():f}"
        if value and value < Decimal("0.001"):
            digits, exp = f"{value.normalize():E}".split("E")
            return f"{digits if '.' in digits else digits + '.0'}e{int(exp)}"
        return text if "." in text else f"{text}.0"

    def send(name: str, head: str, told: list[tuple[str, int, Decimal, Decimal]]) -> None:
        style = books[name].market.style
        rows = [",".join(f'["{a}",{number(px, style)},{number(q, style)}]' for a, s, px, q in told if s == side) for side in (0, 1)]
        data = f'{{{head},"timestamp":1699999999000,"instrument_name":"{name}","change_id":{numbers[name]},"bids":[{rows[0]}],"asks":[{rows[1]}]}}'
        tape.recv("A", f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.{name}.100ms","data":{data}}}}}')

    def begin(name: str) -> None:
        bids, asks = books[name].whole()
        numbers[name] += draw.randint(0, 9)
        head = draw.choice(('"type":"snapshot"', '"type":"snapshot","prev_change_id":null'))
        send(name, head, [("new", 0, *level) for level in bids] + [("new", 1, *level) for level in asks])

    tape.connect("A", address)
    tape.recv(
        "A",
        {
            "jsonrpc": "2.0",
            "id": 1,
            "result": [f"book.{name}.100ms" for name in names],
            "usIn": 1,
            "usOut": 2,
            "usDiff": 1,
            "testnet": False,
        },
    )
    for name in names:
        begin(name)
    for _ in range(frames):
        kind, name = draw.random(), draw.choice(names)
        if kind < 0.02:
            tape.connect("A", address)
            for each in names:
                begin(each)
        elif kind < 0.05:
            begin(name)
        elif kind < 0.2:
            tape.recv(
                "A",
                draw.choice(
                    [
                        '{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}',
                        '{"jsonrpc":"2.0","id":7,"result":{"version":"1.2.26"},"usIn":1,"usOut":2,"usDiff":1,"testnet":false}',
                        '{"jsonrpc":"2.0","id":8,"error":{"code":11050,"message":"bad_request"},"testnet":false}',
                        f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"chart.trades.{name}.1","data":{{"open":1}}}}}}',
                        f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.{name}.none.10.100ms","data":{{"timestamp":1,'
                        f'"instrument_name":"{name}","change_id":5,"bids":[[1.5,2.0]],"asks":[]}}}}}}',
                        f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"quote.{name}","data":{{"timestamp":1,"instrument_name":"{name}",'
                        '"best_bid_price":null,"best_bid_amount":0.0,"best_ask_price":0.0,"best_ask_amount":0.0}}}',
                    ]
                ),
            )
        else:
            prev, told = numbers[name], books[name].diff()
            numbers[name] = prev + draw.randint(1, 5)
            words = [("delete" if not q else draw.choice(("new", "change")), s, px, q) for s, px, q in told]
            send(name, f'"type":"change","prev_change_id":{prev}', words)
    tape.wants = {name: view.want for name, view in books.items()}
    return tape
