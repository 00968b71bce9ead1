"""The server's program, as it is frozen: `lanchat-server`, and `lanchat-serverw`, which has no console and shows the
window when it is started without arguments."""

import sys
from pathlib import Path

if len(sys.argv) == 1 and Path(sys.argv[0]).stem.endswith("serverw"):
    sys.argv.append("window")

from lanchat_server.__main__ import main

sys.exit(main())
