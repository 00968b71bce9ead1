"""What each command of the client does."""
