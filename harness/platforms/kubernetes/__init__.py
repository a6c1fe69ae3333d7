"""The platform kubernetes: a namespace of a cluster."""
