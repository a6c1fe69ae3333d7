"""The platform process: plain processes on this machine."""
