"""Rooms and people as the server described them, and whose signature is whose."""
