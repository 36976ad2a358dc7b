"""The crypto package."""
