"""One target in this process: `python -m tests.fuzz.hunt NAME search|minimise FOLDER [SECONDS]`, for __main__.py.

`search` changes the inputs in FOLDER, guided by the coverage of our code (atheris), and puts those that reach something
new there; a target of whole processes is run with one seed after the other instead. An input that breaks something
is left in FOLDER/../found and ends the process with exit code 77. `minimise` prints the names of files worth keeping.
"""

import itertools
import sys
import time
import traceback
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fuzz.target import Target

BROKEN = 77
# Beside our own code the parsers of the standard library that are written in Python.
WATCHED = ["lanchat", "lanchat_server", "tomllib", "urllib.parse", "zipfile", "argparse"]
# Far more than any input takes: the computer may stand still for a while.
INPUT_SECONDS = 60
MEMORY_MIB = 2048


def search(name: str, folder: Path, seconds: int) -> None:
    """Does not return: libFuzzer ends the process."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    with atheris.instrument_imports(include=WATCHED):
        from tests.fuzz.target import attempt
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    if target.live:
        search_live(target, folder, seconds)

    def change(octets: bytes, most: int, seed: int) -> bytes:
        if seed % 4 == 0:
            return bytes(atheris.Mutate(octets, most))
        return target.change(octets, Random(seed), most)[:most]

    options = {
        "max_total_time": seconds,
        "max_len": target.octets_max,
        "timeout": INPUT_SECONDS,
        "rss_limit_mb": MEMORY_MIB,
        "artifact_prefix": f"{folder.parent / 'found'}/",
        "print_final_stats": 1,
        "reload": 0,
    }
    argv = [sys.argv[0], str(folder), *(f"-{key}={value}" for key, value in options.items())]
    atheris.Setup(argv, lambda octets: attempt(target, octets), custom_mutator=change)
    atheris.Fuzz()


def search_live(target: "Target", folder: Path, seconds: int) -> None:
    """Seeds that nobody has tried, until the time is over; prints as libFuzzer does."""
    from tests.fuzz.target import attempt

    end = time.monotonic() + seconds
    first = time.time_ns() // 1_000_000 % 10**9
    runs = 0
    for runs in itertools.count(1):
        octets = str(first + runs).encode()
        try:
            attempt(target, octets)
        except Exception:
            traceback.print_exc()
            (folder.parent / "found" / f"crash-{first + runs}").write_bytes(octets)
            print(f"Done {runs} runs", file=sys.stderr, flush=True)
            raise SystemExit(BROKEN) from None
        print(f"#{runs}\tseed: {first + runs}", file=sys.stderr, flush=True)
        if time.monotonic() >= end:
            break
    print(f"Done {runs} runs", file=sys.stderr, flush=True)
    raise SystemExit


def minimise(name: str, folder: Path) -> None:
    from tests.fuzz.corpus import minimised, name_of
    from tests.fuzz.targets import TARGETS

    files = [path.read_bytes() for path in folder.iterdir()]
    kept: list[bytes] = [] if TARGETS[name].live else minimised(TARGETS[name], files)
    for octets in kept:
        (folder / name_of(octets)).write_bytes(octets)
        print(name_of(octets))


def main(argv: list[str]) -> Any:
    name, command, folder = argv[0], argv[1], Path(argv[2])
    if command == "search":
        search(name, folder, int(argv[3]))
    else:
        minimise(name, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
