"""What is measured outside the tests: the library's speed, the methods, the embedded model."""
