"""Open, self-hosted code signing: the client side."""
