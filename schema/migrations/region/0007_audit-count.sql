ALTER TABLE "audit_logs" ADD COLUMN "count" integer;--> statement-breakpoint
ALTER TABLE "audit_logs_archive" ADD COLUMN "count" integer;--> statement-breakpoint
-- A view keeps the columns that it had when it was made.
create or replace view audit_records with (security_invoker = true) as
  select * from audit_logs union all select * from audit_logs_archive;
