"""Hash search: which candidates of a pattern or word list have one of some hashes."""
