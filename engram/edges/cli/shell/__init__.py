"""`engram shell`: the query language, statement by statement."""
