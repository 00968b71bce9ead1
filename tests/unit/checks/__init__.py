"""Tests of lanchat.checks."""
