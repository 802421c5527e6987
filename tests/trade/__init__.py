"""Tests of the trade process, market side, and of live books."""
