"""Configuration files: where they are, what they say, how that joins environment and arguments."""
