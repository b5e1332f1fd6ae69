"""Who asks, how the server knows that, and what they may do."""
