"""The contract suite as a process of its own, which says of each obligation how it went: behind ``certpush conformance``."""
