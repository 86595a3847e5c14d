"""The file target."""
