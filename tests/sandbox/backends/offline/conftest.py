"""Puts the toy tasks on the path; one torch thread, as small networks want it."""

import sys
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[3] / "toys"))
torch.set_num_threads(1)
