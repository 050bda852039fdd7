"""How the pictures of an archive are labelled: by folders, tables, lists, or files beside them."""
