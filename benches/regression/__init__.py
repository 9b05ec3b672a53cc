"""The workloads Engram is held to, each beside its own floor, and the gate that compares them."""

import os

# What happens in the background would be counted with whatever is measured.
for _name in ("ENGRAM_LINKER", "ENGRAM_CONSOLIDATION"):
    os.environ.setdefault(_name, "off")
