"""Erasure of a complainant's personal data, here and at the Centre."""
