"""Real processes, real disks: servers, clients and databases that are killed, stopped and starved while clients write.

launcher.py points.py   a real server that kills itself at a named point of its work
crowd.py                ten real client engines that write and record their events
audit.py                afterwards: the database and every copy, read offline, against what the clients were told
campaign.py             kill, start, go on: the loop of both, and the times of recovery
commands.py             commands on a server's data, killed at each of their steps
outages.py              databases that are killed, stopped, read-only, full
__main__.py             the long runs and their tables
"""
