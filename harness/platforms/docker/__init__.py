"""The platform docker: a Compose project on the engine of this machine."""
