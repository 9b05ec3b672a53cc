"""How long `Space.spread` takes beside the kernel it calls."""

import os

# What happens in the background would be measured with the rest.
os.environ["ENGRAM_LINKER"] = os.environ["ENGRAM_CONSOLIDATION"] = "off"
