-- The event writer commits events of many customers in one statement, so it has a role of its own that sees every customer, but only what an event needs.
grant usage on schema public to domicile_events;
--> statement-breakpoint
grant select (customer_id, id, deleted_at) on users to domicile_events;
--> statement-breakpoint
grant select (customer_id, id, home_region, event_types, status, deleted_at) on webhook_endpoints to domicile_events;
--> statement-breakpoint
grant select (customer_id, version, wrapped, destroyed_at), insert on customer_data_keys to domicile_events;
--> statement-breakpoint
grant select (customer_id, id, created_at, request_key, request_hash), insert, update (request_key, request_hash) on events to domicile_events;
--> statement-breakpoint
grant select (customer_id, id, seq, endpoint_id, event_id, status), insert on deliveries to domicile_events;
--> statement-breakpoint
-- Postgres locks a row for SELECT … FOR SHARE only for a role that may update some column. The policies below refuse every new row, so the role can lock
-- users and data keys and change neither.
grant update (deleted_at) on users to domicile_events;
--> statement-breakpoint
grant update (destroyed_at) on customer_data_keys to domicile_events;
--> statement-breakpoint
create policy of_event_writer on users for select to domicile_events using (true);
--> statement-breakpoint
create policy locked_by_event_writer on users for update to domicile_events using (true) with check (false);
--> statement-breakpoint
create policy of_event_writer on customer_data_keys for select to domicile_events using (true);
--> statement-breakpoint
create policy made_by_event_writer on customer_data_keys for insert to domicile_events with check (true);
--> statement-breakpoint
create policy locked_by_event_writer on customer_data_keys for update to domicile_events using (true) with check (false);
--> statement-breakpoint
create policy of_event_writer on webhook_endpoints for select to domicile_events using (true);
--> statement-breakpoint
create policy of_event_writer on events to domicile_events using (true);
--> statement-breakpoint
create policy of_event_writer on deliveries to domicile_events using (true);
--> statement-breakpoint
-- Handlers no longer write events, deliveries or data keys themselves.
revoke insert on events, deliveries, customer_data_keys from domicile_app;
--> statement-breakpoint
revoke update (request_key, request_hash) on events from domicile_app;
