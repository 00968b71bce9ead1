"""Tests of lanchat_server.service."""
