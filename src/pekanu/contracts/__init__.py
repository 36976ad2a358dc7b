"""The contracts package."""
