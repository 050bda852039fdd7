"""What people decide: reviews, random checks, bulk actions, and who decided."""
