"""Erasure of a complainant's personal data, here and at the agencies that had the complaint."""
