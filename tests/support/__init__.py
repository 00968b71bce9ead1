"""Helpers that several test folders share: real processes, databases, displays. No tests here."""
