"""The nouns of the public API: constants, orders, what is known of a symbol."""
