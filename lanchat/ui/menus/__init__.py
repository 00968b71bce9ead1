"""Menus and keys as data, and the popup that shows them."""
