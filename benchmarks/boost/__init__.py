"""What boosting gains: see ``__main__``."""
