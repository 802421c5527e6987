"""Two hosts, the first file: a market server whose data strategies on other hosts take over TCP (two_hosts_strategy.py).

    once:        aats token --new                             on the market's host; copy its file, mode 0600, to the other host
    terminal 1:  aats control --host 0.0.0.0                  on the market's host: other hosts may ask, with the token
    terminal 2:  python examples/two_hosts_market.py 192.0.2.1     on the market's host, with its address as the other one sees it
    terminal 3:  python examples/two_hosts_strategy.py 192.0.2.1   on the other host, with the same address
    afterwards:  aats ps; aats net; aats stop --all           on each host

Without an address both are on this host, over 127.0.0.1, where no token is needed. With `aats sim` instead of the exchange: export the lines that it printed
and AATS_MODE=sim in both terminals.

Expect a line such as

    market server binance started: pid 4711, 1 symbols, books synchronised
"""

import sys

from aats import AatsError, MarketService, NetWorkType

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
control_port, data_port = map(int, sys.argv[2:4] or (8060, 15004))

market = MarketService({1001: "BTCUSDT.BINANCE"})
market.set_control_server("127.0.0.1", control_port)  # the one of this host
market.set_network_cfg(address, data_port, NetWorkType.P2P)  # where the market server listens
market.add_listen_symbol("BTCUSDT", "BINANCE", 5)
try:
    market.run()
except AatsError as error:
    raise SystemExit(str(error)) from None
