"""Hostile octets for everything that reads octets: a table of targets, hypothesis and a corpus over it in `make test`,
coverage-guided search in `make fuzz`, and clients and servers that hold all keys and say what none should.

    target.py       what a target is; `attempt` runs one input and knows one error
    targets.py      the table; wire_, core_, text_ and file_targets.py are its parts, live_targets.py whole processes
    mutate.py       damage: bits and octets, and msgpack with its structure kept
    picture.py      a deep picture of a receiver's state, to compare before and after
    corpus.py       inputs that are kept, and the fewest that reach all lines
    hunt.py         one target in one process with a time limit; __main__.py all of them, and the table in the docs
"""
