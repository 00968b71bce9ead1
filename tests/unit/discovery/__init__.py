"""Tests of lanchat.discovery, and of the server's end of it."""
