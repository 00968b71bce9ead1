"""From an address to a session: which server, whether it is trusted, log-in."""
