"""The rows of the conformance suite: one file a family of venues, each with `ROWS`."""
