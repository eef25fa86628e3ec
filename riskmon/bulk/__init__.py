"""Scores of ledgers larger than the memory: a columnar copy, and engines that read it."""
