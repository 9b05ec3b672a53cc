"""Memories in files of other programs: NDJSON, CSV, Parquet."""
