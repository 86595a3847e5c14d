"""The step-ca client: talks the CA's API, needs no step command."""
