"""Comparisons with peers, each taken in one run: `python -m benchmarks`, or `make bench`."""
