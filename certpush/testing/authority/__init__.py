"""A CA for tests and the demo: certificates minted in memory, and an HTTPS server that speaks step-ca's API."""
