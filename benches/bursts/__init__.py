"""Bursts of durable writes through the public API, beside what the disk takes by itself."""

import os

# A burst is what links have to keep up with; what this takes its texts from leaves them out.
os.environ["ENGRAM_LINKER"] = "on"
