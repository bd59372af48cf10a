"""Two-player board games: self-play, search, and perfect play where a game is solved."""
