"""OKX as the simulated exchange speaks it: spot and perpetuals, API v5 (exchanges/okx.md)."""
