"""How the pages say things: labels, values, times, and the templates they stand in."""
