"""The artists' drawings, one JSON file an icon set, and what collected them."""
