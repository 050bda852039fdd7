"""File formats of exports, without knowledge of datasets: read from any storage, written block by block."""
