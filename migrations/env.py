"""Run migrations on the connection that riskmon hands over."""

from alembic import context

from riskmon.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("open the database with riskmon: it migrates by itself (riskmon status)")
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
