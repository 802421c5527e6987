"""Coinbase Advanced Trade, spot."""

from aats.keys import SIM_SECRETS
from tests.conformance.rows import Row

#: A key on P-256 that everybody knows (RFC 7515, A.3): good to sign with, and not the account's.
_ANOTHER = (
    "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n"
    "AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\nfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n-----END EC PRIVATE KEY-----\n"
)

ROWS = (Row("COINBASE", symbols=("BTC-USD", "ETH-USD"), secret=SIM_SECRETS["COINBASE"], wrong_secret=_ANOTHER),)
