"""What Alembic runs: the connection comes from `pekanu.node.provider.index`, which opened it."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
