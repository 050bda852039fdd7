"""What several jobs share: heartbeats, waiting, bulk copies, files of a run."""
