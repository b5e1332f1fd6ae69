"""Declared tables as Dagster assets: loading, schedules, adoption, backfills, and the processes they run in."""
