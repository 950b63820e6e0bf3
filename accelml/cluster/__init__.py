"""Clustering."""

from accelml.cluster.kmeans import KMeans
from accelml.cluster.minibatch import MiniBatchKMeans

__all__ = ["KMeans", "MiniBatchKMeans"]
