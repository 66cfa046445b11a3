CREATE TABLE "customer_data_keys" (
	"customer_id" text NOT NULL,
	"version" integer NOT NULL,
	"wrapped" "bytea",
	"created_at" timestamp with time zone NOT NULL,
	"destroyed_at" timestamp with time zone,
	CONSTRAINT "customer_data_keys_customer_id_version_pk" PRIMARY KEY("customer_id","version")
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"customer_id" text NOT NULL,
	"id" text NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "deliveries_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"endpoint_id" text NOT NULL,
	"event_id" text NOT NULL,
	"status" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"rounds" integer DEFAULT 0 NOT NULL,
	"parked_for" text,
	"next_attempt_at" timestamp (3) with time zone,
	"redrive_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	"delivered_at" timestamp (3) with time zone,
	CONSTRAINT "deliveries_customer_id_id_pk" PRIMARY KEY("customer_id","id"),
	CONSTRAINT "deliveries_event_endpoint" UNIQUE("customer_id","event_id","endpoint_id")
);
--> statement-breakpoint
CREATE TABLE "delivery_attempts" (
	"customer_id" text NOT NULL,
	"delivery_id" text NOT NULL,
	"number" integer NOT NULL,
	"status_code" integer,
	"error" text,
	"duration_ms" integer NOT NULL,
	"attempted_at" timestamp (3) with time zone NOT NULL,
	"excerpt" "bytea",
	CONSTRAINT "delivery_attempts_customer_id_delivery_id_number_pk" PRIMARY KEY("customer_id","delivery_id","number")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"customer_id" text NOT NULL,
	"id" text NOT NULL,
	"type" text NOT NULL,
	"user_id" text,
	"size" integer NOT NULL,
	"payload" "bytea",
	"created_at" timestamp (3) with time zone NOT NULL,
	"request_key" text,
	"request_hash" text,
	"erase_when_done" boolean DEFAULT false NOT NULL,
	CONSTRAINT "events_customer_id_id_pk" PRIMARY KEY("customer_id","id")
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoints" (
	"customer_id" text NOT NULL,
	"id" text NOT NULL,
	"home_region" text NOT NULL,
	"url" text NOT NULL,
	"event_types" text[] NOT NULL,
	"description" text,
	"status" text NOT NULL,
	"disabled_reason" text,
	"ordering" text NOT NULL,
	"rate_per_second" integer,
	"signing" text NOT NULL,
	"public_key_id" text,
	"cross_region" jsonb,
	"version" integer NOT NULL,
	"published_version" integer,
	"failing_since" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"deleted_at" timestamp with time zone,
	CONSTRAINT "webhook_endpoints_customer_id_id_pk" PRIMARY KEY("customer_id","id")
);
--> statement-breakpoint
CREATE TABLE "webhook_secrets" (
	"customer_id" text NOT NULL,
	"endpoint_id" text NOT NULL,
	"number" integer NOT NULL,
	"sealed" "bytea" NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone,
	CONSTRAINT "webhook_secrets_customer_id_endpoint_id_number_pk" PRIMARY KEY("customer_id","endpoint_id","number")
);
--> statement-breakpoint
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_customer_id_event_id_events_customer_id_id_fk" FOREIGN KEY ("customer_id","event_id") REFERENCES "public"."events"("customer_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "deliveries_due" ON "deliveries" USING btree ("endpoint_id","next_attempt_at","seq") WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX "deliveries_undelivered" ON "deliveries" USING btree ("endpoint_id","seq") WHERE status <> 'delivered';--> statement-breakpoint
CREATE INDEX "deliveries_parked" ON "deliveries" USING btree ("endpoint_id","redrive_at") WHERE status = 'dead_letter' and redrive_at is not null;--> statement-breakpoint
CREATE INDEX "deliveries_endpoint" ON "deliveries" USING btree ("customer_id","endpoint_id","id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "deliveries_status" ON "deliveries" USING btree ("customer_id","status","id" DESC NULLS FIRST) WHERE status <> 'delivered';--> statement-breakpoint
CREATE INDEX "deliveries_delivered_at" ON "deliveries" USING brin ("delivered_at");--> statement-breakpoint
CREATE UNIQUE INDEX "events_request_key" ON "events" USING btree ("customer_id","request_key") WHERE request_key is not null;--> statement-breakpoint
CREATE INDEX "events_type" ON "events" USING btree ("customer_id","type","id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "events_user" ON "events" USING btree ("customer_id","user_id","id" DESC NULLS FIRST) WHERE user_id is not null;--> statement-breakpoint
CREATE INDEX "events_created_at" ON "events" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "events_to_erase" ON "events" USING btree ("created_at") WHERE erase_when_done and payload is not null;--> statement-breakpoint
CREATE INDEX "webhook_endpoints_id" ON "webhook_endpoints" USING btree ("id");--> statement-breakpoint
CREATE INDEX "webhook_endpoints_unpublished" ON "webhook_endpoints" USING btree ("id") WHERE published_version is distinct from version and (cross_region is not null or published_version is not null);