"""A target's certificate in files of a machine that is reached by SSH, with that machine's own way back."""
