"""What keeps a command from being carried out."""


class AdminError(Exception):
    """The server or the database cannot be asked; one line for a person."""
