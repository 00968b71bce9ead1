"""Files and folders: how they are written, renamed, locked, kept to one owner, and named by their hash."""
