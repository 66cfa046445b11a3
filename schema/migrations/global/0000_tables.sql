CREATE TABLE "customers" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"status" text NOT NULL,
	"tier" text NOT NULL,
	"key_tiers" text[] NOT NULL,
	"allowed_regions" text[] NOT NULL,
	"default_region" text NOT NULL,
	"travel_policy" text NOT NULL,
	"cors_origins" text[] NOT NULL,
	"upstreams" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "regions" (
	"name" text PRIMARY KEY NOT NULL,
	"status" text NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tiers" (
	"name" text PRIMARY KEY NOT NULL,
	"unlimited" boolean NOT NULL,
	"recheck_seconds" integer NOT NULL,
	"policies" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "login_directory" (
	"hash" text PRIMARY KEY NOT NULL,
	"customer_id" text NOT NULL,
	"region" text NOT NULL,
	"user_id" text NOT NULL,
	"reserved_at" timestamp with time zone NOT NULL,
	"confirmed_at" timestamp with time zone,
	CONSTRAINT "login_directory_user_id_unique" UNIQUE("user_id")
);
--> statement-breakpoint
ALTER TABLE "customers" ADD CONSTRAINT "customers_tier_tiers_name_fk" FOREIGN KEY ("tier") REFERENCES "public"."tiers"("name") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "login_directory" ADD CONSTRAINT "login_directory_customer_id_customers_id_fk" FOREIGN KEY ("customer_id") REFERENCES "public"."customers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "login_directory_customer_region" ON "login_directory" USING btree ("customer_id","region");