"""What certpush remembers: the journal, the escrow of certificates, the locks."""
