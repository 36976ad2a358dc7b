"""Sealed delivery."""
