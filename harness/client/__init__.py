"""The exactly-once client: connections, one logical client, and what it carries from step to step."""
