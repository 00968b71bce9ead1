"""How much transfers may take of the server."""

# Connections: in all, of a user, of a session. Each takes up to 5 MiB.
CONNECTIONS_MAX = 32
USER_CONNECTIONS_MAX = 8
SESSION_CONNECTIONS_MAX = 4
# Threads that check, read and write, and what waits for them: a chunk of each connection.
THREADS = 3
WAITING_MAX = 2 * CONNECTIONS_MAX
