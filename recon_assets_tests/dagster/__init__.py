"""Tests that need a Dagster instance."""
