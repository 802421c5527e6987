"""Two hosts, the second file: a strategy on one host, its market data from another (two_hosts_market.py) over TCP.

    terminal 1:  aats control                             on the market's host; see two_hosts_market.py for the token
    terminal 2:  python examples/two_hosts_market.py      on the market's host
    terminal 3:  python examples/two_hosts_strategy.py    on this host, with the address of the market's; Ctrl-C ends it

The only lines that know of the other host are the two set_*_connection calls. The data is received by a process of this host, started by the first
strategy that names the address and shared by all that do; it ends by itself half a minute after the last one. `aats net` shows it.

Expect many lines such as `quote 61000.01 61000.02`, and `closing` at the end.
"""

import sys

from aats import AatsError, BaseStrategy, NetWorkType, TradeService

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
control_port, data_port = map(int, sys.argv[2:4] or (8060, 15004))


class Far(BaseStrategy):
    def onQuote(self, msg):
        print("quote", msg["bid_0_px"], msg["ask_0_px"], flush=True)

    def onFeedDown(self, feed, reason):  # also when the network is
        print("down", feed, reason, flush=True)

    def close(self):
        print("closing", flush=True)


service = TradeService({1001: "BTCUSDT.BINANCE"}, name="far")
service.set_ts_connection(address, control_port)  # lists this process there, and may end it
service.set_md_connection(address, data_port, NetWorkType.P2P)
service.add_md_symbol("BTCUSDT", "BINANCE", level_num=5)
service.add_strategy(Far())
try:
    service.run()
except KeyboardInterrupt:
    pass
except AatsError as error:
    raise SystemExit(str(error)) from None
