"""Lists of rooms, people, servers and search results."""
