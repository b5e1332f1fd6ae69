"""One module for each kind of page: from a request to a template and what it says."""
