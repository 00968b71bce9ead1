"""Hostile octets for everything that reads octets: a table of targets, hypothesis and a corpus over it in `make test`,
coverage-guided search in `make fuzz`, and clients and servers that hold all keys and say what none should.

    target.py       what a target is; `attempt` runs one input and knows one error; cost.py: what a datagram may cost
    targets.py      the table of all: readers of one input (wire_, signed_, text_, file_, store_targets.py), real
                    receivers with their state (server_core_, client_core_targets.py, receivers.py), whole processes
                    (server_, client_targets.py)
    letter.py       what octets say, read without our own code, for targets to compare
    live.py         a real server with honest people on it, for server_targets.py; client_targets.py: the client engine
    valid.py        well-typed frames at random, made from the wire types
    mutate.py       damage: bits and octets, and msgpack with its structure kept
    scan.py         depth and texts of octets, whatever a library makes of them, for deliberate faults
    picture.py      a deep picture of a receiver's state, to compare before and after
    corpus.py       inputs that are kept, and the fewest that reach all lines
    bugs_*.py       deliberate faults that targets must catch; planting.py hunts one, planted.py all, and the table
    hunt.py         one target in one process with a time limit; __main__.py all of them, and the table in the docs
"""
