"""Readers and writers of designs, one module a format; `sandbox_chip.formats.reader` picks among them."""
