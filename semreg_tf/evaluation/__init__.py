"""Evaluation of models on a split: predictions, their probabilities and their scores."""
