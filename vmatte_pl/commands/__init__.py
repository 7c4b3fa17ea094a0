"""What ``vmatte`` can do besides training and testing: one file a command."""
