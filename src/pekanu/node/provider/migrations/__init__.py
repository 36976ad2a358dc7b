"""The index's history, one step a file of `versions`; Alembic walks it at every start.

Not here: the tables as they are now (`pekanu.node.provider.tables`).
"""
