"""Cross entropy of logits, of a layer, of shards of the classes, and over batches."""
