"""`python -m tests.explorer`: every pair, with the number of its orders; 1 when something was found."""

import sys

from tests.explorer.model import explore


def main() -> int:
    orders, wrong = 0, 0
    for request, ending, count, found in explore():
        orders += count
        wrong += len(found)
        print(f"{request:16} {ending:24} {count:5} orders, {len(found)} findings", flush=True)
        for one in found[:1]:
            print("   ", ", ".join(f"{name} {what}" for name, what in one.trace))
    print(f"{orders} orders, {wrong} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
