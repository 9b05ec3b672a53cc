"""The server: spaces, memories and statements over HTTP, in JSON."""
