"""Receivers of rooms: history, then live records, from any source, checked and in order."""
