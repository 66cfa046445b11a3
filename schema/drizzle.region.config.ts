import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./schema/tables/region/*.ts",
  out: "./schema/migrations/region",
  dbCredentials: { url: process.env["DATABASE_URL"] ?? "" },
});
