"""A target's certificate in files of this machine: what looks at them, writes them, switches them and goes back."""
