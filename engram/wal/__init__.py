"""The write-ahead log: what is in it exists, what is not in it does not."""
