"""Plans and carries out one training run."""
