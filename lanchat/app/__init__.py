"""The client for window and command line: typed commands in, events out."""
