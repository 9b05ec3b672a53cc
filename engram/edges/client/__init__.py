"""The client of a server: the verbs of the library, carried out over HTTP."""
