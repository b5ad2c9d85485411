"""What each signing tool has to be told to sign with a signer: docs/tools.md, filled in."""
