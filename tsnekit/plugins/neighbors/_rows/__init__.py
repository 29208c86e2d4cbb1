"""Rows of data and lists of their nearest: what the neighbor searches share."""
