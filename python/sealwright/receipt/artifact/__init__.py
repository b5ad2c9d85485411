"""Whether a file is the one that a signature of the log is for."""
