"""What watches a run: pictures, reports, files."""
