grant select, insert, update (expires_at, revoked_at) on public_keys to domicile_app;
--> statement-breakpoint
grant select, insert, update (version, endpoint, updated_at) on cross_region_endpoints to domicile_app;
