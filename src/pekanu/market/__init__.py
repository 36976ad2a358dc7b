"""The market package."""
