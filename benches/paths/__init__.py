"""The strongest path, beside Dijkstra's algorithm of another library."""
