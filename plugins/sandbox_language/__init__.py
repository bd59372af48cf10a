"""Fine-tuning a language model by human preferences; start at `process`."""
