"""Tests of lanchat.cli."""
