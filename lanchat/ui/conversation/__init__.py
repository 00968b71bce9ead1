"""The conversation on the screen, and the composer below it."""
