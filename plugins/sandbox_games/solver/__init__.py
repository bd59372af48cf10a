"""Perfect play: exact values of tic-tac-toe and Connect Four positions."""
