"""Changes of accounts, devices and rooms: what each does to the database and to the directory in memory."""
