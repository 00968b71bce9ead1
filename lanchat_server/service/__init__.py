"""The running server: event loop, writer thread, start and stop."""
