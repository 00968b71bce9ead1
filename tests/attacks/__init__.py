"""Attackers as tests: each does what docs/THREATS.md says that he may try, against the real server or the real cores.

outcome.py   what an attack gives: attempts, how many had an effect, what others noticed; the tables of them
tapped.py    a logged-in client whose datagrams are kept as they were on the wire
honest.py    people who chat meanwhile, and how long a message of theirs takes
cable.py victims.py                 real clients at cables in which somebody sits
forge.py forgeries.py replays.py    datagrams and messages that nobody sealed, signed, or sent now
members.py rowdy.py                 a member who breaks every rule, and those who are no longer one
unread.py                           a member, or many, whose sessions ask and read nothing
piles.py rights.py                  members who pile things up; rights that ended, devices that were found, answers
ground.py skewed.py local.py        another database or time; other users of the computer, neighbours, figures
timing.py                           how long answers take about what there is and what there is not
hostile.py turned.py                a server that turns hostile, and a client beside it
guessing.py                         passwords and names
floods.py strangers.py              noise, half-open connections, slow writers and readers
reflection.py handshakes.py         answers to strangers by UDP; TLS
__main__.py                         all of them in full size, and their tables; the tests here run them in a small one
"""
