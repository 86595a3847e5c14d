"""Tools for plugins: TLS, SSH, file layouts, settings, and translating library errors."""
