"""Pekanu: buy and sell deterministic computation without trusting each other."""
