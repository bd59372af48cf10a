"""What the terminal shows: tables, progress, comparisons."""
