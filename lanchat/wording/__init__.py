"""The words for what the network, the store and the platform say in codes: for the window and the command line."""
