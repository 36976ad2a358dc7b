"""Migrations, by number."""
