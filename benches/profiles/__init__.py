"""Where the time of a recall goes: sampled stacks and pictures of them."""
