"""What Alembic runs: the migrations, on the connection it is given and within the transaction that is open there."""

from alembic import context

from actors.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
