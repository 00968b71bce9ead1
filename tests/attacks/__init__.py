"""Attacks of docs/THREATS.md as tests, against the real server or the real cores.

outcome.py                  the result of an attack: attempts, how many had an effect, effects on others; tables
recording_client.py         a logged-in client that records its datagrams as sent
chat_load.py                clients that chat during an attack, and the latency of their messages
intercepting_relay.py attacked_clients.py   real clients behind a relay that records, holds and injects datagrams
forge.py forgeries.py replays.py            forged and replayed datagrams and messages
members.py abusive_member.py                a member that violates every rule, and former members
unread.py                   sessions that send requests and do not read
mass_creation.py rights.py  many rooms and accounts with long names; ended rights, lost devices, answers that reveal
replaced_databases.py clock_skew_server.py  a replaced database, a wrong clock
local.py                    other users of the computer and other hosts on the LAN
timing.py                   how long answers take about existing and missing things
hostile.py hostile_server_process.py        a server that turns hostile, and a client of it
guessing.py                 passwords and names
floods.py unauthenticated_floods.py         noise, half-open connections, slow writers and readers
reflection.py handshakes.py                 answers to unauthenticated UDP; TLS
__main__.py                 all of them in full size, and their tables; the tests run them in a small size
"""
