"""What the tests from host to host stand on: the fixtures of the live tests, and a clean end on every host."""

from __future__ import annotations

from tests.live.conftest import own_world

__all__ = ["own_world"]
