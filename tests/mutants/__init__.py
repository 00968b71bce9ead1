"""Mutation testing of the pure cores: one small change at a time, and whether a test notices it."""
