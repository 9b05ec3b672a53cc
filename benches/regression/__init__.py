"""The workloads Engram is held to, each beside its own floor, and the gate that compares them."""

import os

# What happens in the background would be counted with whatever is measured.
os.environ["ENGRAM_LINKER"] = os.environ["ENGRAM_CONSOLIDATION"] = "off"
