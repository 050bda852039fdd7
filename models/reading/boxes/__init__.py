"""Files that name objects in pictures by boxes: reading, changing classes, cutting out."""
