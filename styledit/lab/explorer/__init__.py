"""The attention explorer: hover a word and see its map, hover a pixel and see the words that it reads."""
