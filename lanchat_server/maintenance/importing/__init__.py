"""`import-users` and `import-messages`: accounts and messages of the original program, from its tables as files."""
