"""What a run that died left behind: found, healed and removed."""
