"""From which number on members read a room of a log that comes back from clients (reseeding.py).

Somebody who joins a room that shows newcomers nothing begins at its head. While earlier records are still coming back,
these take the numbers above that head: then the membership begins after them. The other way round, a membership that
came back may begin above records that nobody gives back: then it begins with the next message.
"""

from msgspec.structs import replace

from lanchat.protocol.codes import HistoryPolicy
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import MembershipRow


def later_beginnings(directory: Directory, room: int, present: int, last: int) -> list[MembershipRow]:
    """When records above the head `present` come back up to `last`: members who came later than these were said, as
    they are from then on."""
    row = directory.rooms[room]
    # Number 1 is where everybody begins in a room that shows newcomers everything.
    lowest = present if row.history is HistoryPolicy.SINCE_JOINING else max(present, 1)
    return [
        replace(member, first_seq=last + 1)
        for member in directory.members(room).values()
        if lowest < member.first_seq <= last and member.joined_ms >= directory.reopened_ms > 0
    ]


def earlier_beginnings(directory: Directory, room: int, new: int) -> list[MembershipRow]:
    """When `new` is the number of a new message: members of the log as it was who would not read it, as they are from
    then on."""
    if not directory.reopened_ms:
        return []
    return [replace(member, first_seq=new) for member in directory.members(room).values() if member.first_seq > new]
