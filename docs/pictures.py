"""The pictures of the first page, one a domain, each made by a command.

``python -m docs.pictures`` makes all of them, ``python -m docs.pictures chip`` one.
"""

from __future__ import annotations

import argparse
import io
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent / "images" / "domains"
LARGEST = 100_000
"""Bytes of a picture at most: the first page shows all of them."""
WIDTH = 640
"""Pixels across at most."""

COMMANDS = {
    "bandits": (
        "sandbox render thompson ucb1 epsilon-greedy greedy --scenario bandits --view regret --episodes 20 "
        "--out {}"
    ),
    "chip": "sandbox render rebuild --scenario chip/medium --view placement --out {}",
    "diffusion": "sandbox render pretrained best-of-4 --scenario diffusion/eight --view samples --out {}",
    "games": "sandbox render alpha-beta-4 --scenario games/connect-four --out {}",
    "inventory": "sandbox render optimal --scenario inventory/lost-sales-l2-p4 --view policy --out {}",
    "language": "sandbox render pretrained best-of-8 --scenario language/reviews --view texts --out {}",
    "locomotion": "sandbox info locomotion/ant --picture {}",
    "mixed-autonomy": (
        "sandbox render human follower-stopper --scenario mixed-autonomy/ring --view space-time --out {}"
    ),
    "traffic": (
        "sandbox render fixed-time max-pressure --scenario traffic/arterial-5 --set duration=900 "
        "--view time-space --out {}"
    ),
}
"""By domain; ``{}`` stands for the file."""


def main(given: list[str] | None = None) -> int:
    """Make the pictures that are asked for, all of them by default."""
    parser = argparse.ArgumentParser(prog="python -m docs.pictures")
    parser.add_argument("domains", nargs="*", choices=[*COMMANDS, []], metavar="DOMAIN")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for domain in parser.parse_args(given).domains or COMMANDS:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{domain}.png"
            words = shlex.split(COMMANDS[domain].format(file))
            subprocess.run([sys.executable, "-m", "sandbox.cli.main", *words[1:]], check=True)
            (FOLDER / file.name).write_bytes(small(file.read_bytes()))
        print(f"{domain}: {(FOLDER / file.name).stat().st_size:,} bytes")
    return 0


def small(content: bytes) -> bytes:
    """A PNG of at most `WIDTH` pixels and `LARGEST` bytes: with fewer pixels where it must be."""
    from PIL import Image

    picture = Image.open(io.BytesIO(content)).convert("RGB")
    width = min(WIDTH, picture.width)
    while True:
        size = (width, round(picture.height * width / picture.width))
        scaled = picture.resize(size, Image.Resampling.LANCZOS)
        for colours in (256, 200):
            sink = io.BytesIO()
            scaled.quantize(colours, dither=Image.Dither.NONE).save(sink, "PNG", optimize=True)
            if sink.tell() < LARGEST:
                return sink.getvalue()
        width = round(width * 0.9)


if __name__ == "__main__":
    sys.exit(main())
