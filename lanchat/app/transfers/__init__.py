"""Contents of files on their way to the server and from it, resumed after every break."""
