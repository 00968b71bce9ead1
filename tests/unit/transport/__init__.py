"""Tests of lanchat.transport."""
