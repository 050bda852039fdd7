"""What corrected archives are made with: the names and paths of millions of samples, and files that wait."""
