"""Values of few rows from many columns, a record a row: contract, checks, three backends."""
