-- The audit log is append-only: beside the grants, triggers refuse to change it whoever asks. Rows leave it only by the archiver, who
-- may take out what the region's bucket has, and by nobody else.

create function audit_refuse() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
--> statement-breakpoint
create function audit_refuse_all_but_archiver() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and exists (
    select from pg_catalog.pg_auth_members m
      join pg_catalog.pg_roles archiver on archiver.oid = m.roleid and archiver.rolname = 'domicile_archiver'
      join pg_catalog.pg_roles self on self.oid = m.member and self.rolname = current_user
  ) then
    return old;
  end if;
  raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
--> statement-breakpoint
create trigger append_only before update or delete on audit_logs for each row execute function audit_refuse_all_but_archiver();
--> statement-breakpoint
create trigger append_only before update or delete on audit_logs_archive for each row execute function audit_refuse_all_but_archiver();
--> statement-breakpoint
create trigger never_truncated before truncate on audit_logs for each statement execute function audit_refuse();
--> statement-breakpoint
create trigger never_truncated before truncate on audit_logs_archive for each statement execute function audit_refuse();
--> statement-breakpoint
create trigger append_only before update or delete on audit_tree for each row execute function audit_refuse();
--> statement-breakpoint
create trigger never_truncated before truncate on audit_tree for each statement execute function audit_refuse();
--> statement-breakpoint
create trigger append_only before update or delete on audit_checkpoints for each row execute function audit_refuse();
--> statement-breakpoint
create trigger never_truncated before truncate on audit_checkpoints for each statement execute function audit_refuse();
--> statement-breakpoint
-- A destroyed key stays destroyed.
create function audit_keep_destroyed() returns trigger language plpgsql as $$
begin
  if old.destroyed_at is not null and (new.wrapped is not null or new.destroyed_at is distinct from old.destroyed_at) then
    raise exception 'a destroyed data key stays destroyed' using errcode = 'insufficient_privilege';
  end if;
  return new;
end
$$;
--> statement-breakpoint
create trigger stays_destroyed before update on audit_data_keys for each row execute function audit_keep_destroyed();
--> statement-breakpoint
alter table audit_data_keys add constraint audit_data_keys_destroyed check ((destroyed_at is null) = (wrapped is not null));
--> statement-breakpoint
-- The same name on both: a day that is attached must have every constraint of its new parent.
alter table audit_logs add constraint audit_outcome check (outcome in ('success', 'denied', 'error'));
--> statement-breakpoint
alter table audit_logs_archive add constraint audit_outcome check (outcome in ('success', 'denied', 'error'));
--> statement-breakpoint
-- 32 random-looking bytes a leaf: nothing to compress.
alter table audit_tree alter column hashes set storage external;
--> statement-breakpoint
create view audit_records with (security_invoker = true) as
  select * from audit_logs union all select * from audit_logs_archive;
--> statement-breakpoint
alter table audit_logs enable row level security;
--> statement-breakpoint
alter table audit_logs_archive enable row level security;
--> statement-breakpoint
alter table audit_tree enable row level security;
--> statement-breakpoint
alter table audit_data_keys enable row level security;
--> statement-breakpoint
alter table audit_checkpoints enable row level security;
--> statement-breakpoint
alter table audit_objects enable row level security;
--> statement-breakpoint
create policy of_customer on audit_logs for select to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on audit_logs_archive for select to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on audit_tree for select to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on audit_data_keys to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on audit_checkpoints for select to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on audit_objects for select to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_writer on audit_logs to domicile_audit using (true);
--> statement-breakpoint
create policy of_writer on audit_logs_archive to domicile_audit using (true);
--> statement-breakpoint
create policy of_writer on audit_tree to domicile_audit using (true);
--> statement-breakpoint
create policy of_writer on audit_data_keys to domicile_audit using (true);
--> statement-breakpoint
create policy of_writer on audit_checkpoints to domicile_audit using (true);
--> statement-breakpoint
create policy of_archiver on audit_logs to domicile_archiver using (true);
--> statement-breakpoint
create policy of_archiver on audit_logs_archive to domicile_archiver using (true);
--> statement-breakpoint
create policy of_archiver on audit_tree for select to domicile_archiver using (true);
--> statement-breakpoint
create policy of_archiver on audit_checkpoints for select to domicile_archiver using (true);
--> statement-breakpoint
create policy of_archiver on audit_objects to domicile_archiver using (true);
--> statement-breakpoint
grant usage on schema public to domicile_audit, domicile_archiver;
--> statement-breakpoint
grant select on audit_logs, audit_logs_archive, audit_records, audit_tree, audit_data_keys, audit_checkpoints, audit_objects to domicile_app;
--> statement-breakpoint
grant insert on audit_data_keys to domicile_app;
--> statement-breakpoint
grant update (wrapped, destroyed_at) on audit_data_keys to domicile_app;
--> statement-breakpoint
grant select, insert on audit_logs, audit_logs_archive, audit_tree, audit_data_keys, audit_checkpoints to domicile_audit;
--> statement-breakpoint
grant select on audit_records to domicile_audit, domicile_archiver;
--> statement-breakpoint
grant update (wrapped) on audit_data_keys to domicile_audit;
--> statement-breakpoint
grant select, insert on dead_letters to domicile_audit;
--> statement-breakpoint
grant update (replayed_at) on dead_letters to domicile_audit;
--> statement-breakpoint
grant select, insert, delete on audit_logs, audit_logs_archive to domicile_archiver;
--> statement-breakpoint
grant select on audit_tree, audit_checkpoints to domicile_archiver;
--> statement-breakpoint
grant select, insert on audit_objects to domicile_archiver;
--> statement-breakpoint
grant update (records, sha256, stored_at, removed_at, restored_until) on audit_objects to domicile_archiver;
--> statement-breakpoint
-- Days are partitions of the same name in one table or the other. What makes, moves and drops them belongs to the owner; each of these
-- does one thing, and the roles may call only what they need.
create function audit_day_name(day date) returns text language sql immutable as $$
  select 'audit_day_' || to_char(day, 'YYYYMMDD')
$$;
--> statement-breakpoint
-- Which table holds a day: 'audit_logs', 'audit_logs_archive', or null when it has no partition.
create function audit_table_of(day date) returns text language sql stable as $$
  select parent.relname::text from pg_catalog.pg_inherits i
    join pg_catalog.pg_class child on child.oid = i.inhrelid
    join pg_catalog.pg_class parent on parent.oid = i.inhparent
    where child.relname = audit_day_name(day) and child.relnamespace = 'public'::regnamespace
$$;
--> statement-breakpoint
-- Makes a day's partition where it is missing, and says which table holds it. Days long gone are made in the archive.
create function audit_ensure_day(day date) returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
  today date := (now() at time zone 'utc')::date;
  name text := audit_day_name(day);
  parent text := audit_table_of(day);
  lower_bound timestamptz := day::timestamp at time zone 'utc';
  upper_bound timestamptz := (day + 1)::timestamp at time zone 'utc';
begin
  if parent is not null then return parent; end if;
  if day > today + 400 or day < today - 4000 then
    raise exception 'no day of the audit log' using errcode = 'invalid_parameter_value';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('audit_days', 0));
  parent := audit_table_of(day);
  if parent is not null then return parent; end if;
  parent := case when day < today - 30 then 'audit_logs_archive' else 'audit_logs' end;
  execute format('create table %I partition of %I for values from (%L) to (%L)', name, parent, lower_bound, upper_bound);
  -- Says what the bounds say: with it, moving the day to the other table reads no row.
  execute format('alter table %I add constraint of_day check ("timestamp" >= %L and "timestamp" < %L)', name, lower_bound, upper_bound);
  execute format('alter table %I enable row level security', name);
  execute format('create trigger never_truncated before truncate on %I for each statement execute function audit_refuse()', name);
  return parent;
end
$$;
--> statement-breakpoint
-- Moves a day from audit_logs to audit_logs_archive: detached and attached in one transaction, no row is copied.
create function audit_archive_day(day date) returns void language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('audit_days', 0));
  if audit_table_of(day) is distinct from 'audit_logs' then return; end if;
  execute format('alter table audit_logs detach partition %I', audit_day_name(day));
  execute format('alter table audit_logs_archive attach partition %I for values from (%L) to (%L)', audit_day_name(day),
    day::timestamp at time zone 'utc', (day + 1)::timestamp at time zone 'utc');
end
$$;
--> statement-breakpoint
-- Drops a day of the archive, if the bucket has every row of it: audit_objects says so of each customer.
create function audit_drop_day(day date) returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
declare
  missing boolean;
begin
  perform pg_advisory_xact_lock(hashtextextended('audit_days', 0));
  if audit_table_of(day) is distinct from 'audit_logs_archive' then return false; end if;
  -- Against a late record that is being written just now. Readers go on while the rows are counted; what drops the table then locks the
  -- parent first, as readers do: locking the day first and the parent after it would deadlock with them.
  execute format('lock table %I in share row exclusive mode', audit_day_name(day));
  execute format('select exists (
    select from (select customer_id, count(*) as rows from %I group by customer_id) kept
      where kept.rows <> (select coalesce(sum(o.records), 0) from audit_objects o
        where o.customer_id = kept.customer_id and o.day = $1 and o.removed_at is null))', audit_day_name(day)) into missing using day;
  if missing then return false; end if;
  lock table only audit_logs_archive in access exclusive mode;
  execute format('drop table %I', audit_day_name(day));
  return true;
end
$$;
--> statement-breakpoint
revoke execute on function audit_ensure_day, audit_archive_day, audit_drop_day from public;
--> statement-breakpoint
grant execute on function audit_ensure_day to domicile_audit, domicile_archiver;
--> statement-breakpoint
grant execute on function audit_archive_day, audit_drop_day to domicile_archiver;
--> statement-breakpoint
select audit_ensure_day((now() at time zone 'utc')::date + ahead) from generate_series(0, 7) ahead;
