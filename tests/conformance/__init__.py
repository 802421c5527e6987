"""The conformance suite: what every venue must do, by numbers, through our own feed and order session at its simulated dialect.

    cases_data.py, cases_orders.py   VC-nn: a sentence, and a function that plays it         rows.py   a venue's row: `venues/<name>.py` has one
    rig.py                           exchange, feed and session in virtual time              test_conformance.py   every row by every case

A case that a venue cannot have is declared in ``aats/venue/capabilities.py`` with the reason; the declaration is tested too: a case that passes may not
be declared away.  ``python -m tools.venue_table`` runs everything and writes the table in docs/venues.md from what passed.

A venue joins with one file, ``tests/conformance/venues/<name>.py``, which holds its rows::

    ROWS = (Row("OKX", symbols=("BTC-USDT", "ETH-USDT")), Row("OKX_SWAP", symbols=("BTC-USDT-SWAP", "ETH-USDT-SWAP")))
"""
