"""The `engram` command: argv -> verbs of a store on this machine -> text or JSON."""
