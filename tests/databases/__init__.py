"""`python -m tests.databases`: the tests that need a database server, on every server that the program supports.

`unpacking.py` gets the servers from Debian's archive, `__main__.py` runs the tests and prints the table.
"""
