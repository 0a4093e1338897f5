"""The edit lab: a picture, its prompt, and an edit that follows its controls."""
