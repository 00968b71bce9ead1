"""Tests of lanchat_server.admin."""
