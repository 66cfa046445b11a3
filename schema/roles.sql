-- Roles of every Postgres cluster that Domicile uses. Run once, as a superuser, before the migrations. Idempotent.
--
--   domicile_owner   owns the databases, runs the migrations, is used by nothing else
--   domicile_app     what the migrations grant to; cannot log in. Each Worker's login role is a member of it, is NOT the
--                    owner, and so is under row-level security: CREATE ROLE eu_app LOGIN PASSWORD '…' IN ROLE domicile_app;
do $$
begin
  if not exists (select from pg_roles where rolname = 'domicile_owner') then
    create role domicile_owner login nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'domicile_app') then
    create role domicile_app nologin nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
end
$$;
