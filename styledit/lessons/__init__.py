"""What the lessons show and check."""
