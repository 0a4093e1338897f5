"""The networks that look at pictures; they know nothing of editing."""
