"""Inputs that are kept in the repository: a small corpus a target, and each input that once broke something.

A corpus is the fewest inputs, small ones first, that together reach every line transition of our code which all of the
inputs at hand reach. So it stays small, and `make test` walks again wherever the search has been.
"""

import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.fuzz.target import Target

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
REGRESSIONS = HERE / "regressions"
# What the repository holds: octets of a file, files and octets of a target. 40 targets stay below 1 MiB.
FILE_MAX = 8 * 1024
FILES_MAX = 60
OCTETS_MAX = 24 * 1024
_OURS = tuple(f"{HERE.parents[1]}/{package}/" for package in ("lanchat", "lanchat_server"))

Arc = tuple[CodeType, int, int]


def name_of(octets: bytes) -> str:
    """The file name of an input."""
    return hashlib.sha256(octets).hexdigest()[:16]


def load(root: Path, target: str) -> dict[str, bytes]:
    """Inputs by file name, in order."""
    folder = root / target
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def save(root: Path, target: str, inputs: Iterable[bytes]) -> None:
    """These inputs and no others."""
    folder = root / target
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {name_of(octets): octets for octets in inputs}
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, octets in wanted.items():
        (folder / name).write_bytes(octets)


def keep_regression(target: str, octets: bytes) -> Path:
    """The file in which an input that broke something is replayed from now on."""
    path = REGRESSIONS / target / name_of(octets)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)
    return path


def minimised(target: Target, inputs: Iterable[bytes]) -> list[bytes]:
    """The inputs that are worth keeping. Those that break something are left out."""
    kept: list[bytes] = []
    reached: set[Arc] = set()
    for octets in sorted(set(inputs), key=lambda item: (len(item), item)):
        if len(octets) > FILE_MAX or len(kept) >= FILES_MAX or sum(map(len, kept)) + len(octets) > OCTETS_MAX:
            break
        arcs = reach(lambda octets=octets: target.run(octets), target.error)  # type: ignore[misc]
        if arcs is not None and not arcs <= reached:
            reached |= arcs
            kept.append(octets)
    return kept


def reach(run: Callable[[], object], error: type[Exception]) -> set[Arc] | None:
    """The line transitions of our code that a run makes; None when it ends in another than the one error."""
    arcs: set[Arc] = set()

    def local(code: CodeType) -> Callable[[FrameType, str, Any], Any]:
        last = 0

        def trace(frame: FrameType, event: str, _argument: Any) -> Any:
            nonlocal last
            if event == "line":
                arcs.add((code, last, frame.f_lineno))
                last = frame.f_lineno
            return trace

        return trace

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        return local(frame.f_code) if frame.f_code.co_filename.startswith(_OURS) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        run()
    except error:
        pass
    except Exception:
        return None
    finally:
        sys.settrace(before)
    return arcs
