"""What statements of the query language cost beside the verbs that carry them out."""
