"""What is signed and kept: messages, records and their hash chain, certificates, keys."""
