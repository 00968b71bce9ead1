"""What clients give back to a server that lost it, and what they hand in for others."""
