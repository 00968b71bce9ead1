"""Tests of lanchat.platform."""
