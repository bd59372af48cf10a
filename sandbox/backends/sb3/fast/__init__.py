"""A PPO core for small networks: SB3's forward pass and update as loops over plain arrays."""
