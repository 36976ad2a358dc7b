"""A chain of SHA-256 hashes."""
