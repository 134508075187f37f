"""How well everything does, beside its peer."""
