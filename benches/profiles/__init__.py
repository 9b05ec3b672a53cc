"""Where the time of a recall goes: sampled stacks and pictures of them."""

import os

# What happens in the background would be measured with the rest.
os.environ["ENGRAM_LINKER"] = os.environ["ENGRAM_CONSOLIDATION"] = "off"
