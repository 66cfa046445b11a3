grant usage on schema public to domicile_app;
--> statement-breakpoint
grant select, insert, update, delete on tiers to domicile_app;
--> statement-breakpoint
grant select, insert, update on customers, regions to domicile_app;
--> statement-breakpoint
grant select, insert, update, delete on login_directory to domicile_app;
--> statement-breakpoint
alter table regions add constraint regions_status check (status in ('active', 'draining', 'closed'));
--> statement-breakpoint
alter table customers add constraint customers_default_region check (default_region = any (allowed_regions));
--> statement-breakpoint
insert into tiers (name, unlimited, recheck_seconds, policies) values
  ('basic', false, 5, '[{"name":"sec","quota":20,"window_seconds":1},{"name":"min","quota":100,"window_seconds":60}]'),
  ('enterprise', false, 5, '[{"name":"sec","quota":100,"window_seconds":1},{"name":"min","quota":500,"window_seconds":60}]'),
  ('ci', true, 5, '[]');
--> statement-breakpoint
insert into regions (name, status, updated_at) values ('us', 'active', now()), ('eu', 'active', now());
