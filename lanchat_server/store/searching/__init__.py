"""The search: words of messages in a table of their own, and what is found there."""
