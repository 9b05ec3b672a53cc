"""Several scores of a candidate become one, the best are kept: contract, checks, three backends."""
