"""What the body of a message says to people: a text, and the files that it names."""

from collections.abc import Iterable

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.files import FileBody, Manifest, file_body_untrusted
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.text.file_names import safe_file_name


def shown_body(kind: Kind, body: bytes | str) -> FileBody:
    """Text and files of a body that was checked. Raises ProtocolError for files that nobody can read."""
    if kind is Kind.FILE:
        return file_body_untrusted(body)
    return FileBody(body if isinstance(body, str) else body.decode(errors="replace"), ())


def said_text(kind: Kind, body: bytes) -> str:
    """The text alone, for looking whom it mentions; empty when it cannot be read."""
    try:
        return shown_body(kind, body).text
    except ProtocolError:
        return ""


def summary(text: str, files: Iterable[Manifest]) -> str:
    """For a place with room for one text: without a text, the names of the files."""
    return text or ", ".join(safe_file_name(manifest.name) for manifest in files)
