"""What a run may be pulled towards."""
