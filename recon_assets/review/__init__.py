"""What becomes of findings: cases, decisions, corrections, and their undoing."""
