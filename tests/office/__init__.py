"""A working day in small: fifty people at a real server for as long as wanted, and whether memory and descriptors stay.

    python -m tests.office [--minutes N]

people.py    a child process of some of them: real client engines that do all that people do, within the announced rates
launcher.py  the server, which writes down how many objects it holds when it is asked
watch.py     samples of processes, and how they grow
__main__.py  the run, its progress and its verdict
"""
