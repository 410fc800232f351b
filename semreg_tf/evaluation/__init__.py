"""Evaluation of models on a split: what they predict, how probable they hold it, how it scores."""
