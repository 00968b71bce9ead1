"""Network interfaces, ports, and datagrams as the kernel takes them."""
