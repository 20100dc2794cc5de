"""Thin shells: the command line. No tensors in them."""
