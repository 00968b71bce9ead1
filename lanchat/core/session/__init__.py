"""One session: the state of its link, what is being sent, and requests under way."""
