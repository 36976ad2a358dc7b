"""Records in order."""
