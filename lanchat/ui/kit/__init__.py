"""The window's controls and their look; knows nothing of chat, serves the server's window too."""
