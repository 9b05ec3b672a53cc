"""The ways along which activation came to some nodes: contract, checks, three backends."""
