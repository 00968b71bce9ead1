"""Tests of lanchat.store."""
