"""Keyboard shortcuts in every layout."""
