"""Tests that start processes or a browser."""
