"""What every front end says alike: the JSON of answers, and what a refusal tells."""
