"""Tests that need databases."""
