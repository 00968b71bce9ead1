"""Tests of lanchat_server.cli."""
