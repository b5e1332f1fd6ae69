"""The reconciliation patterns: each a pure function from evidence to a finding, and the running of them."""
