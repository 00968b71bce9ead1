"""Tests of lanchat.about."""
