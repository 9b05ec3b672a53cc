"""Memory for agents: the verbs as tools of the Model Context Protocol, spaces as its resources."""
