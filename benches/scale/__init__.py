"""A store at scale: what a million memories and more take in RAM, on disk and in time."""

import os

# What happens in the background would be measured with the rest.
os.environ["ENGRAM_LINKER"] = os.environ["ENGRAM_CONSOLIDATION"] = "off"
