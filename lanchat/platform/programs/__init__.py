"""Programs: consoles, displays, signals, other processes, one instance of a window."""
