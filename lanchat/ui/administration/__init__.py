"""Pages of an administrator, the same in the client and in the server's window: models without Tk, and their views."""
