"""The inversion player: from the picture to noise and back, step by step."""
