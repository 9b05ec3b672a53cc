"""Backups of memory spaces: made while writes go on, verified in depth, restored elsewhere."""
