"""What is measured outside the tests: the library's speed, the methods compared, the embedded model's report."""
