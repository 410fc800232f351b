"""What the preparation of the demo can be asked for: nothing."""

from data_prep.options import DatasetOptions

OPTIONS = DatasetOptions("demo", "2,000 drawn scenes with captions, labels and user tags")
