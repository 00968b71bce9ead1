"""What answers each request: one function per operation."""
