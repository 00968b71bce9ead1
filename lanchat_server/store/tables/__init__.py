"""Tables and rows, statements about many of them, and bringing them up to date."""
