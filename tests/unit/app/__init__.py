"""Tests of lanchat.app."""
