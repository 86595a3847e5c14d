"""What placeholders are called, and which of them may stand where."""

from __future__ import annotations

from certpush_recipe.recipe import Recipe

HOST, PORT = "host", "port"
FILE, CONTENT = "file.", "content."
"""Before a file's role: its path, its content."""
STAGED, ACTIVE, SESSION = "staged.", "active.", "session."
"""Before a name: what [[stage]] kept, what [look] remembered, what logging in gave."""
PAIR = ("fullchain_pem", "leaf_pem", "chain_pem", "key_pem", "root_pem")
ABOUT = ("fingerprint", "label")
"""Of the new certificate: its SHA-256, and a name for it on the appliance."""
RESERVED = (HOST, *PAIR, *ABOUT)


def public(recipe: Recipe) -> tuple[str, ...]:
    """Parameters that anybody may see: in arguments, paths and messages."""
    return tuple(name for name, one in recipe.parameters.items() if one.type != "secret")


def secrets(recipe: Recipe) -> tuple[str, ...]:
    """Parameters that are secrets: only in what is sent to an appliance that was recognised."""
    return tuple(name for name, one in recipe.parameters.items() if one.type == "secret")
