"""Broken and hostile input by the hundred thousand: `python -m fuzz`, or `make fuzz`.

Whatever is read from a disk or a network is either taken or refused with an `EmovaeError`. Anything else is a finding:
another exception, a process that dies, more than five seconds, more memory than the bound.
"""
