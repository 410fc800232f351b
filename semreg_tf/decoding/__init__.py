"""Search over any step function: greedy and beam. Knows no network."""
