"""Words that every room uses: errors, spans of time, settings, data files."""
