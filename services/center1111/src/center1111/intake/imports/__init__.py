"""Complaints recorded from a table, all rows of it or none."""
