CREATE TABLE "audit_checkpoints" (
	"customer_id" text NOT NULL,
	"size" bigint NOT NULL,
	"note" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "audit_checkpoints_customer_id_size_pk" PRIMARY KEY("customer_id","size")
);
--> statement-breakpoint
CREATE TABLE "audit_data_keys" (
	"customer_id" text NOT NULL,
	"subject_id" text NOT NULL,
	"wrapped" "bytea",
	"created_at" timestamp with time zone NOT NULL,
	"destroyed_at" timestamp with time zone,
	CONSTRAINT "audit_data_keys_customer_id_subject_id_pk" PRIMARY KEY("customer_id","subject_id")
);
--> statement-breakpoint
CREATE TABLE "audit_logs" (
	"customer_id" text NOT NULL,
	"id" text NOT NULL,
	"user_id" text,
	"api_key_id" text,
	"action" text NOT NULL,
	"resource_type" text NOT NULL,
	"resource_id" text,
	"outcome" text NOT NULL,
	"timestamp" timestamp (3) with time zone NOT NULL,
	"request_id" text NOT NULL,
	"region" text NOT NULL,
	"leaf_index" bigint NOT NULL,
	"personal_commitment" "bytea" NOT NULL,
	"personal_sealed" "bytea",
	CONSTRAINT "audit_logs_customer_id_id_timestamp_pk" PRIMARY KEY("customer_id","id","timestamp")
) PARTITION BY RANGE ("timestamp");
--> statement-breakpoint
CREATE TABLE "audit_logs_archive" (
	"customer_id" text NOT NULL,
	"id" text NOT NULL,
	"user_id" text,
	"api_key_id" text,
	"action" text NOT NULL,
	"resource_type" text NOT NULL,
	"resource_id" text,
	"outcome" text NOT NULL,
	"timestamp" timestamp (3) with time zone NOT NULL,
	"request_id" text NOT NULL,
	"region" text NOT NULL,
	"leaf_index" bigint NOT NULL,
	"personal_commitment" "bytea" NOT NULL,
	"personal_sealed" "bytea",
	CONSTRAINT "audit_logs_archive_customer_id_id_timestamp_pk" PRIMARY KEY("customer_id","id","timestamp")
) PARTITION BY RANGE ("timestamp");
--> statement-breakpoint
CREATE TABLE "audit_objects" (
	"customer_id" text NOT NULL,
	"day" date NOT NULL,
	"part" integer NOT NULL,
	"object_key" text NOT NULL,
	"records" integer NOT NULL,
	"sha256" text NOT NULL,
	"stored_at" timestamp with time zone NOT NULL,
	"removed_at" timestamp with time zone,
	"restored_until" timestamp with time zone,
	CONSTRAINT "audit_objects_customer_id_day_part_pk" PRIMARY KEY("customer_id","day","part")
);
--> statement-breakpoint
CREATE TABLE "audit_tree" (
	"customer_id" text NOT NULL,
	"level" smallint NOT NULL,
	"first" bigint NOT NULL,
	"hashes" "bytea" NOT NULL,
	CONSTRAINT "audit_tree_customer_id_level_first_pk" PRIMARY KEY("customer_id","level","first")
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"id" text PRIMARY KEY NOT NULL,
	"queue" text NOT NULL,
	"reason" text NOT NULL,
	"body" text NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"replayed_at" timestamp with time zone
);
--> statement-breakpoint
CREATE INDEX "audit_logs_user" ON "audit_logs" USING btree ("customer_id","user_id","timestamp" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE user_id is not null;--> statement-breakpoint
CREATE INDEX "audit_logs_api_key" ON "audit_logs" USING btree ("customer_id","api_key_id","timestamp" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE api_key_id is not null;--> statement-breakpoint
CREATE INDEX "audit_logs_timestamp" ON "audit_logs" USING btree ("customer_id","timestamp" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "audit_logs_action" ON "audit_logs" USING btree ("customer_id","action","timestamp" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "audit_logs_failed" ON "audit_logs" USING btree ("customer_id","outcome","timestamp" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE outcome <> 'success';--> statement-breakpoint
CREATE INDEX "audit_logs_leaf" ON "audit_logs" USING btree ("customer_id","leaf_index");--> statement-breakpoint
CREATE INDEX "audit_logs_archive_user" ON "audit_logs_archive" USING btree ("customer_id","user_id","timestamp" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE user_id is not null;--> statement-breakpoint
CREATE INDEX "audit_logs_archive_api_key" ON "audit_logs_archive" USING btree ("customer_id","api_key_id","timestamp" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE api_key_id is not null;--> statement-breakpoint
CREATE INDEX "audit_logs_archive_timestamp" ON "audit_logs_archive" USING btree ("customer_id","timestamp" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "audit_logs_archive_action" ON "audit_logs_archive" USING btree ("customer_id","action","timestamp" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "audit_logs_archive_failed" ON "audit_logs_archive" USING btree ("customer_id","outcome","timestamp" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE outcome <> 'success';--> statement-breakpoint
CREATE INDEX "audit_logs_archive_leaf" ON "audit_logs_archive" USING btree ("customer_id","leaf_index");--> statement-breakpoint
CREATE INDEX "audit_objects_day" ON "audit_objects" USING btree ("day");