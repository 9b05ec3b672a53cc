"""Bounds by sketches, then exact cosines of few rows: contract, checks, three backends."""
