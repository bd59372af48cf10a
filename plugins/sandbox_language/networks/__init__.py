"""The only part of the domain that imports torch: its simulator is a pair of neural networks."""
