"""An HTTP operation as a contract declares it: the request it sends, and what its answers mean."""
