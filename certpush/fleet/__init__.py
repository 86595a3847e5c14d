"""Many rotations at once."""
