"""File formats as exports need them: read from any storage, written block by block. They know no dataset."""
