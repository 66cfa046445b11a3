-- One customer never sees another, beside the handlers' own checks: the application's role is not the owner, so these hold for it.
-- Handlers set app.customer_id for their transaction. A Gate knows only its own principal's id, and sees only that row.
alter table users enable row level security;
--> statement-breakpoint
alter table sessions enable row level security;
--> statement-breakpoint
alter table api_keys enable row level security;
--> statement-breakpoint
alter table idempotency_keys enable row level security;
--> statement-breakpoint
create policy of_customer on users to domicile_app
  using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on sessions to domicile_app
  using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on api_keys to domicile_app
  using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on idempotency_keys to domicile_app
  using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_gate on users for select to domicile_app
  using (id = current_setting('app.principal_id', true));
--> statement-breakpoint
create policy of_gate on sessions for select to domicile_app
  using (user_id = current_setting('app.principal_id', true));
--> statement-breakpoint
create policy of_gate on api_keys for select to domicile_app
  using (id = current_setting('app.principal_id', true));
--> statement-breakpoint
grant usage on schema public to domicile_app;
--> statement-breakpoint
grant select, insert on users, sessions, api_keys, idempotency_keys to domicile_app;
--> statement-breakpoint
grant update (email, name, password_hash, role, status, version, updated_at, deleted_at) on users to domicile_app;
--> statement-breakpoint
grant update (expires_at, ended_at) on sessions to domicile_app;
--> statement-breakpoint
grant update (expires_at, revoked_at, version) on api_keys to domicile_app;
--> statement-breakpoint
grant update (body_hash, claimed_at, answer), delete on idempotency_keys to domicile_app;
--> statement-breakpoint
alter table users add constraint users_role check (role in ('viewer', 'member', 'admin', 'owner'));
--> statement-breakpoint
alter table users add constraint users_status check (status in ('active', 'disabled'));
--> statement-breakpoint
alter table users add constraint users_erased check (
  deleted_at is null or (email is null and name is null and password_hash is null and status = 'disabled')
);
