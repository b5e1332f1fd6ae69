"""The web pages where people decide, on one port with Dagster's own interface."""
