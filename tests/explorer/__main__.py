"""`python -m tests.explorer`: every pair of requests in every order, with progress; 1 when something was found.

`python -m tests.explorer NAME …`: the pairs with these requests alone. Ctrl+C ends it and says how far it came."""

import sys
import time

from tests.explorer.explore import ALL, Explorer, all_pairs


def main(wanted: list[str]) -> int:
    unknown = [name for name in wanted if name not in ALL]
    if unknown:
        print(f"no request is called {', '.join(unknown)}; there are: {', '.join(ALL)}")
        return 2
    pairs = [pair for pair in all_pairs() if not wanted or {pair.first, pair.second} & set(wanted)]
    explorer, wrong, done, said = Explorer(), 0, 0, time.monotonic()
    try:
        for done, pair in enumerate(pairs, 1):
            for finding in explorer.explore(pair):
                wrong += 1
                print(finding, flush=True)
            if time.monotonic() - said > 5:
                said = time.monotonic()
                print(f"{done} of {len(pairs)} pairs, {explorer.orders} orders, {wrong} findings", flush=True)
    except KeyboardInterrupt:
        print("interrupted", end=": ")
    print(f"{done} of {len(pairs)} pairs, {explorer.orders} orders, {wrong} findings")
    return 1 if wrong or done < len(pairs) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
