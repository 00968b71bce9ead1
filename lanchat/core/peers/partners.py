"""What one other client may cost."""

from lanchat.protocol.datagram.token_bucket import TokenBucket

# Messages handed out to one end when it asks; a late comer has a thousand after twenty seconds.
_HANDED_RATE, _HANDED_BURST = 50.0, 200.0
# Comparisons that one end may begin: honest ones begin one in five seconds. A list of what is carried takes up to
# 15 ms.
_COMPARED_RATE, _COMPARED_BURST = 2.0, 10.0
# Names that one end may say it holds: 1 µs each. All that may be carried come at once.
_NAMED_RATE, _NAMED_BURST = 10_000.0, 20_000.0
# Messages that are asked of one end; what it invents takes no place from what others hold.
_ASKED_RATE, _ASKED_BURST = 100.0, 200.0
# Messages that nobody signed, 0.1 ms each. Honest ends look before they hand on, and have none.
_FORGED_RATE, _FORGED_BURST = 0.2, 10.0


class Partner:
    """Bounds of one end."""

    def __init__(self) -> None:
        """Nothing was used."""
        self.handed = TokenBucket(_HANDED_RATE, _HANDED_BURST)
        self.compared = TokenBucket(_COMPARED_RATE, _COMPARED_BURST)
        self.named = TokenBucket(_NAMED_RATE, _NAMED_BURST)
        self.asked = TokenBucket(_ASKED_RATE, _ASKED_BURST)
        self.forged = TokenBucket(_FORGED_RATE, _FORGED_BURST)
