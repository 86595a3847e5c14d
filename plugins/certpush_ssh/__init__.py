"""The ssh target."""
