"""A store at scale: what a million memories and more take in RAM, on disk and in time."""
