"""Operations of an administrator, on the running server or on a database at rest."""
