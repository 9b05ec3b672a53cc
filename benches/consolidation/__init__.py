"""How fast memories are linked and consolidated, and what recalls notice of it."""

import os

# Both are measured when they are asked for, and not besides.
os.environ["ENGRAM_LINKER"] = os.environ["ENGRAM_CONSOLIDATION"] = "off"
