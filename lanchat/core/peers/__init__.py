"""Other clients: links to them."""
