"""What a recall takes among memories that have associations, stage by stage, beside a peer."""
