"""Tests of lanchat_server.maintenance."""
