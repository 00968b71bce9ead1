"""Texts, names, emoji and words for search: what may stand in them and when two are one."""
