"""The commands that fine-tune a model."""
