"""Tests of lanchat_server.store."""
