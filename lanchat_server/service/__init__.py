"""Asyncio shell around the sequencer core."""
