"""Rows for new tokens: where they start, how they alone are trained, what must not move."""
