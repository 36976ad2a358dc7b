"""Handwritten digits, read by a network of int8 weights."""
