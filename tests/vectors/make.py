"""Writes the golden vectors: `python -m tests.vectors.make`. The same octets on every run and every computer.

A change of a committed vector is a change of the protocol: numbers and fields are only ever appended, so a frame that
gains a field with a default is the one good reason to see a difference here.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.vectors import examples, exchange, files, refused
from tests.vectors.values import plain

FOLDER = Path(__file__).parent


VECTORS: dict[str, Callable[[], dict[str, Any]]] = {
    "keys": examples.key_vectors,
    "messages": examples.message_vectors,
    "records": examples.record_vectors,
    "certificates": examples.certificate_vectors,
    "statements": examples.statement_vectors,
    "seal": examples.seal_vectors,
    "peers": examples.peer_vectors,
    "frames": lambda: examples.frame_vectors() | {"cases": refused.frame_cases()},
    "files": files.file_vectors,
    "signatures": refused.signature_vectors,
    "pages": refused.page_vectors,
    "discovery": refused.discovery_vectors,
    "replay": refused.replay_vectors,
    "texts": refused.text_vectors,
    "exchange": lambda: exchange.vectors(asyncio.run(exchange.exchange())),
}


def text_of(name: str) -> str:
    """The content of the file `name`.json."""
    return json.dumps(plain(VECTORS[name]()), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for vector in VECTORS:
        (FOLDER / f"{vector}.json").write_text(text_of(vector), encoding="utf-8", newline="\n")
