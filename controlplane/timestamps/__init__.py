"""The time-stamp protocol (RFC 3161, RFC 5816): what is asked, and what is answered, in DER."""
