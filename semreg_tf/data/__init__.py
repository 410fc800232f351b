"""From TFRecord shards to batches: text, vocabulary, targets, images, pipelines."""
