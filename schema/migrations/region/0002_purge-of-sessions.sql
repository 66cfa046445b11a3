-- Sessions are forgotten: those of a deleted user at once (they hold a country), others long after their end.
grant delete on sessions to domicile_app;
