"""What a user can name, read from the models: for `harness list` and the docs."""
