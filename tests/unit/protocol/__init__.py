"""Tests of lanchat.protocol."""
