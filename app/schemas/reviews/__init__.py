"""What people decide: reviews, random checks and bulk actions."""
