"""How fast everything is, beside its peers."""
