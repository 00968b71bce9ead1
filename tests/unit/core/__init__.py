"""Tests of lanchat.core."""
