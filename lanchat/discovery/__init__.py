"""Finding and announcing servers: UDP probe and DNS-SD, and the list of what was found."""
