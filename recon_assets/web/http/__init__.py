"""Requests in and responses out: who may send one, what it says, and the headers that an answer carries."""
