"""Stages, optimisers, the trainer, checkpoints."""
