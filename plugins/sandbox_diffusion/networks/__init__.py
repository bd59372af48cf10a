"""The only part of the domain that imports torch: its simulator is a neural network."""
