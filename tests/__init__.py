"""All that tests the program, and what measures it.

Both start it hundreds of times: as it is installed, compiled once and not anew at each start. pytest, too, is to keep
the tests as it has compiled them.
"""

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
