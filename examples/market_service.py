"""Have a market server started that also sends every record by UDP multicast; it goes on when this script has ended.

    terminal 1:  aats sim                                   or leave it out, and the data are the exchange's own
    terminal 2:  the lines that `aats sim` printed, and     export AATS_MODE=sim
                 python examples/market_service.py [PORT]   of the control server; default 8060, started if none listens
    afterwards:  aats ps; aats book BTCUSDT; aats stop --all

Expect two lines such as

    market server binance-sim started: pid 4711, 2 symbols, books synchronised
    active market server list:  [{'pid': 4711, 'port': 15004}]
"""

import sys

from aats import AatsError, ControlService, MarketService, NetWorkType

port = int(sys.argv[1]) if len(sys.argv) > 1 else 8060

market = MarketService({1001: "BTCUSDT.BINANCE", 1002: "ETHUSDT.BINANCE"})
market.set_control_server("127.0.0.1", port)
market.set_network_cfg("239.255.0.1", 15004, NetWorkType.MULTIBROAD, "lo")  # group, receivers' port, card
market.add_listen_symbol("BTCUSDT", "BINANCE", 5)
market.add_listen_symbol("ETHUSDT", "BINANCE", 5)
try:
    market.run()  # returns once the books are synchronised
except AatsError as error:
    raise SystemExit(str(error)) from None

control = ControlService()
control.set_control_server("127.0.0.1", port)
control.show_all_market_servers()
