"""Fine-tuning a pre-trained denoiser by reward, with policy gradients and regression; start at `learner`."""
