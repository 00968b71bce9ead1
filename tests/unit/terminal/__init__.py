"""Tests of lanchat.terminal."""
