"""Places for backups: a directory, or whatever fsspec can reach."""
