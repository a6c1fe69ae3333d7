"""Programs of their own that play a part beside the service."""
