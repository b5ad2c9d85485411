"""The HTTP API: resources, one noun a file; what they take and give; its description."""
