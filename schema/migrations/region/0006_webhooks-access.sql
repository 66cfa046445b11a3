-- Handlers see one customer (row-level security). The couriers, the sweeper and the metrics see all of the webhook tables, and no other.
alter table events enable row level security;
--> statement-breakpoint
alter table webhook_endpoints enable row level security;
--> statement-breakpoint
alter table webhook_secrets enable row level security;
--> statement-breakpoint
alter table deliveries enable row level security;
--> statement-breakpoint
alter table delivery_attempts enable row level security;
--> statement-breakpoint
alter table customer_data_keys enable row level security;
--> statement-breakpoint
create policy of_customer on events to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on webhook_endpoints to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on webhook_secrets to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on deliveries to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on delivery_attempts to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_customer on customer_data_keys to domicile_app using (customer_id = current_setting('app.customer_id', true));
--> statement-breakpoint
create policy of_courier on events to domicile_webhooks using (true);
--> statement-breakpoint
create policy of_courier on webhook_endpoints to domicile_webhooks using (true);
--> statement-breakpoint
create policy of_courier on webhook_secrets to domicile_webhooks using (true);
--> statement-breakpoint
create policy of_courier on deliveries to domicile_webhooks using (true);
--> statement-breakpoint
create policy of_courier on delivery_attempts to domicile_webhooks using (true);
--> statement-breakpoint
create policy of_courier on customer_data_keys to domicile_webhooks using (true);
--> statement-breakpoint
grant usage on schema public to domicile_webhooks;
--> statement-breakpoint
grant select, insert on events, webhook_endpoints, webhook_secrets, deliveries, customer_data_keys to domicile_app;
--> statement-breakpoint
grant select on delivery_attempts to domicile_app;
--> statement-breakpoint
grant update (payload, request_key, request_hash, erase_when_done) on events to domicile_app;
--> statement-breakpoint
grant update (url, event_types, description, status, disabled_reason, ordering, rate_per_second, signing, public_key_id, cross_region, version, published_version,
  failing_since, updated_at, deleted_at) on webhook_endpoints to domicile_app;
--> statement-breakpoint
grant update (expires_at), delete on webhook_secrets to domicile_app;
--> statement-breakpoint
grant update (status, tries, rounds, parked_for, next_attempt_at, redrive_at, delivered_at) on deliveries to domicile_app;
--> statement-breakpoint
grant update (wrapped, destroyed_at) on customer_data_keys to domicile_app;
--> statement-breakpoint
grant select on events, webhook_endpoints, webhook_secrets, deliveries, delivery_attempts, customer_data_keys to domicile_webhooks;
--> statement-breakpoint
grant insert on events, deliveries, delivery_attempts, customer_data_keys to domicile_webhooks;
--> statement-breakpoint
grant update (payload, request_key, request_hash), delete on events to domicile_webhooks;
--> statement-breakpoint
grant update (status, disabled_reason, failing_since, published_version, updated_at) on webhook_endpoints to domicile_webhooks;
--> statement-breakpoint
grant update (sealed), delete on webhook_secrets to domicile_webhooks;
--> statement-breakpoint
grant update (status, attempts, tries, rounds, parked_for, next_attempt_at, redrive_at, delivered_at), delete on deliveries to domicile_webhooks;
--> statement-breakpoint
grant delete on delivery_attempts to domicile_webhooks;
--> statement-breakpoint
grant update (wrapped) on customer_data_keys to domicile_webhooks;
--> statement-breakpoint
create trigger stays_destroyed before update on customer_data_keys for each row execute function audit_keep_destroyed();
--> statement-breakpoint
alter table customer_data_keys add constraint customer_data_keys_destroyed check ((destroyed_at is null) = (wrapped is not null));
--> statement-breakpoint
alter table webhook_endpoints add constraint webhook_endpoints_status check (status in ('enabled', 'disabled') and (status = 'disabled') = (disabled_reason is not null));
--> statement-breakpoint
alter table deliveries add constraint deliveries_status check (
  status in ('pending', 'delivered', 'dead_letter') and (status = 'pending') = (next_attempt_at is not null) and (status = 'delivered') = (delivered_at is not null)
);
--> statement-breakpoint
-- Sealed bytes: nothing to compress.
alter table events alter column payload set storage external;
