CREATE TABLE "cross_region_endpoints" (
	"customer_id" text NOT NULL,
	"id" text PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"endpoint" jsonb,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "public_keys" (
	"customer_id" text NOT NULL,
	"id" text NOT NULL,
	"version" integer NOT NULL,
	"kid" text NOT NULL,
	"jwk" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	CONSTRAINT "public_keys_customer_id_id_version_pk" PRIMARY KEY("customer_id","id","version")
);
--> statement-breakpoint
ALTER TABLE "cross_region_endpoints" ADD CONSTRAINT "cross_region_endpoints_customer_id_customers_id_fk" FOREIGN KEY ("customer_id") REFERENCES "public"."customers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "public_keys" ADD CONSTRAINT "public_keys_customer_id_customers_id_fk" FOREIGN KEY ("customer_id") REFERENCES "public"."customers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "cross_region_endpoints_customer" ON "cross_region_endpoints" USING btree ("customer_id");--> statement-breakpoint
CREATE UNIQUE INDEX "public_keys_kid" ON "public_keys" USING btree ("customer_id","kid") WHERE revoked_at is null;