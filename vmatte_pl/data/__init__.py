"""From files on disk to batches of composed clips."""
