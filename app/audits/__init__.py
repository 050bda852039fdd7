"""Operations on audits: plan runs, follow progress, read results."""
