"""The generated pages of the docs, read from the models."""
