"""Tests of lanchat_server.core."""
