"""Fine-tuning a pre-trained language model by reward and by preferences; start at `learner`."""
