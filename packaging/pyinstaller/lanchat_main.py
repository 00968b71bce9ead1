"""The client's program, as it is frozen: `lanchat`, and `lanchatw`, which has no console."""

import sys

from lanchat.__main__ import main

sys.exit(main())
