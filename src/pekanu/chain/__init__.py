"""The chain package."""
