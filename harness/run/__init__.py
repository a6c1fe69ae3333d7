"""One run: its phases, its plan, its stop condition, and the service's own metrics."""
