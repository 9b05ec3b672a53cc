"""What a recall takes among memories that have associations, stage by stage, beside a peer."""

import os

# What happens in the background would be measured with the rest.
os.environ["ENGRAM_LINKER"] = os.environ["ENGRAM_CONSOLIDATION"] = "off"
