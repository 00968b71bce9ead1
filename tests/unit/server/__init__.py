"""Tests of lanchat_server."""
