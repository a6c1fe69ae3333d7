"""HTTP operations as a contract declares them: the request that is sent, and what its answers mean."""
