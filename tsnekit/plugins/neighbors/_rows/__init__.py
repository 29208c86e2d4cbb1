"""Rows of data and lists of their nearest rows, shared by the neighbor searches."""
