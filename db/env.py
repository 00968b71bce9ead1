"""Alembic's entry: runs the migrations on the connection that lanchat_server.store.tables.migrate hands in.

The caller has begun the transaction and commits it. There is no offline mode; what an administrator may run by hand is
in db/mysql.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    transactional_ddl=False,
)
context.run_migrations()
