"""What the families of learning cost and reach, on tasks whose optimum is known."""
