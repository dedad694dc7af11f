"""PDF: the scans of its pages are read and replaced in place; everything else stays."""
