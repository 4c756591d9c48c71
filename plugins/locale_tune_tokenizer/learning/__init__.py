"""From text to new tokens: segments, merges, how many, and whether at all."""
