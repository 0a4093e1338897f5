"""What lies on disk: safetensors files, checkpoints as people have them, and the kit's own data."""
