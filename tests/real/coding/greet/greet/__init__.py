"""A tiny package that an agent is asked to change."""
