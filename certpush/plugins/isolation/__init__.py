"""A third party's plugin in a process of its own: what it does there ends there. See docs/decisions/0008."""
