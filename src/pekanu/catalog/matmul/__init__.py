"""The product of two integer matrices."""
