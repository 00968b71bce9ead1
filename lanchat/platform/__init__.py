"""The operating system: files, network interfaces, sockets."""
