"""Value inputs: what they are, presets, and the fit."""
