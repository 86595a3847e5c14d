"""For plugin authors: a CA, a reference target, faults, and the contract every target must pass."""
