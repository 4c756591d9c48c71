"""A smaller vocabulary for the languages that are kept."""
