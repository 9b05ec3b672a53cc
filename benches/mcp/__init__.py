"""What an agent waits for: until `engram mcp` is ready, and for a recall beyond the library's."""
