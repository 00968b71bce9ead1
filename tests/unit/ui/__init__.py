"""Tests of lanchat.ui that need no display."""
