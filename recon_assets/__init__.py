"""Backfill and reconciliation of two databases as Dagster assets."""
