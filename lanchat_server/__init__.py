"""LAN Chat server: sequencer, relay, durable log."""
