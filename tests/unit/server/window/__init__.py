"""Tests of lanchat_server.window that need no display."""
