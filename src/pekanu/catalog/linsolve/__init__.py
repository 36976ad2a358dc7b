"""Linear systems over a prime field."""
