"""The pages on which people see whether the tables agree, and decide: at ``/recon`` and ``/review``, beside Dagster's.

`server.serve` runs both. Requests come in by `http`, `identity` knows whose they are, `pages` answer them in `words`.
"""
