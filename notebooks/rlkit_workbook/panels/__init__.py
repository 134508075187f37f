"""Whole figures of results: a sweep or an exploration under its sliders, and tables of sweeps."""
