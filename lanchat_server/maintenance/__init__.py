"""Keys and database as a whole: init-db, backup, restore, copy-database."""
