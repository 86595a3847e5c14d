"""Which keys pfSense takes for its web GUI."""

from certpush.model import KeySpec

ACCEPTED = frozenset({KeySpec.EC_P256, KeySpec.EC_P384, KeySpec.RSA_2048, KeySpec.RSA_3072, KeySpec.RSA_4096})
"""What its own list of certificates for HTTPS has; with others the web GUI does not start."""
