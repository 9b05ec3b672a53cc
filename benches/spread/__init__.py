"""How long `Space.spread` takes beside the kernel it calls."""
