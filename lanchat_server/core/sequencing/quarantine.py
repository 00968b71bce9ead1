"""What others hand in of authors who were shut out: it waits for an administrator, who takes or drops it.

Nothing shows whether a message is older than the end of its author's right, so a person decides. What waits is bounded,
also of one author, whose key somebody else may have now.
"""

from lanchat.protocol.codes import Code
from lanchat_server.core.limits import usage
from lanchat_server.core.model import QuarantinedMessage, QuarantineSize

# As much as a client carries of one author, and of four such authors. In the database alone.
AUTHOR_MAX = 500
AUTHOR_OCTETS_MAX = 2 << 20
MESSAGES_MAX = 2000
OCTETS_MAX = 8 << 20
# Why an author is shut out.
SHUT_OUT = frozenset((Code.AUTHOR_REVOKED, Code.AUTHOR_DISABLED))


def octets_of(message: QuarantinedMessage) -> int:
    """What it takes, as the log counts it."""
    return usage.message_octets(len(message.message.header), len(message.message.body))


class QuarantineRoom:
    """Room that is left for messages, within one transaction."""

    def __init__(self, sizes: dict[int, QuarantineSize]) -> None:
        """`sizes`: by author, what waits already."""
        self._sizes = dict(sizes)

    @property
    def messages(self) -> int:
        """How many wait."""
        return sum(size.messages for size in self._sizes.values())

    def take(self, message: QuarantinedMessage) -> bool:
        """Whether there is room for one more, which is counted then."""
        octets = octets_of(message)
        mine = self._sizes.get(message.author, QuarantineSize(0, 0))
        total = sum(size.octets for size in self._sizes.values())
        if mine.messages >= AUTHOR_MAX or mine.octets + octets > AUTHOR_OCTETS_MAX:
            return False
        if self.messages >= MESSAGES_MAX or total + octets > OCTETS_MAX:
            return False
        self._sizes[message.author] = QuarantineSize(mine.messages + 1, mine.octets + octets)
        return True
