"""The platform of the tests: members in memory."""
