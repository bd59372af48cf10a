"""What was found in a robot's model, shown before anything is trained: tables, remarks and a picture."""
