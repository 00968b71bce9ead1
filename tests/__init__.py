"""All that tests the program, and what measures it.

Both start it hundreds of times: as it is installed, compiled once and not anew at each start.
"""

import os

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
