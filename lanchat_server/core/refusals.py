"""How a request is refused."""

from lanchat.protocol.codes import Code


class Refused(Exception):
    """A request is answered with Failure. `text` is for logs, in English; `retry` seconds until it may work."""

    def __init__(self, code: Code, text: str, retry: float = 0.0) -> None:
        """`text` is the exception's message as well."""
        super().__init__(text)
        self.code = code
        self.text = text
        self.retry = retry
