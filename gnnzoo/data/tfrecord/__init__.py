"""Datasets as TFRecord shards of TF-GNN graphs."""
