"""pfSense and OPNsense: the certificate of the web GUI, over SSH; a kind each, in a module of its own."""
