-- Roles of every Postgres cluster that Domicile uses. Run once, as a superuser, before the migrations. Idempotent.
--
--   domicile_owner     owns the databases, runs the migrations, is used by nothing else
--   domicile_app       what the migrations grant to; cannot log in. Each Worker's login role is a member of it, is NOT the
--                      owner, and so is under row-level security: CREATE ROLE eu_app LOGIN PASSWORD '…' IN ROLE domicile_app;
--   domicile_audit     writes the audit log, and can neither change nor remove what is in it:
--                      CREATE ROLE eu_audit LOGIN PASSWORD '…' IN ROLE domicile_audit;
--   domicile_archiver  moves old days of the audit log: CREATE ROLE eu_archiver LOGIN PASSWORD '…' IN ROLE domicile_archiver;
--   domicile_webhooks  delivers webhooks; sees their tables alone: CREATE ROLE eu_webhooks LOGIN PASSWORD '…' IN ROLE domicile_webhooks;
--   domicile_events    writes events and their deliveries: CREATE ROLE eu_events LOGIN PASSWORD '…' IN ROLE domicile_events;
do $$
begin
  if not exists (select from pg_roles where rolname = 'domicile_owner') then
    create role domicile_owner login nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'domicile_app') then
    create role domicile_app nologin nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'domicile_audit') then
    create role domicile_audit nologin nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'domicile_archiver') then
    create role domicile_archiver nologin nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'domicile_webhooks') then
    create role domicile_webhooks nologin nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'domicile_events') then
    create role domicile_events nologin nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
end
$$;
