"""What supervises the members of a target: replacement, succession, rollout."""
