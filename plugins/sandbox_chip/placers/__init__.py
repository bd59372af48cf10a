"""Classical placers: each goes from a `Problem` and a `SearchBudget` to a `SearchResult`."""
