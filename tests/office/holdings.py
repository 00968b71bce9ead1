"""How much a Python process holds, told by itself."""

import gc
import sys
from collections import Counter
from typing import Any

_KINDS = 40


def holdings() -> dict[str, Any]:
    """Blocks of the allocator, objects that the collector sees, and the most frequent types of them."""
    objects = gc.get_objects()
    kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in objects)
    return {"blocks": sys.getallocatedblocks(), "objects": len(objects), "kinds": dict(kinds.most_common(_KINDS))}
