"""Bursts of durable writes through the public API, beside what the disk takes by itself."""
