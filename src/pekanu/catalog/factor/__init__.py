"""The prime factors of integers."""
