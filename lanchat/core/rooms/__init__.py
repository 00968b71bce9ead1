"""Rooms of a session: from a subscription over history to live records, checked and in order."""
