import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./schema/tables/global/*.ts",
  out: "./schema/migrations/global",
  dbCredentials: { url: process.env["DATABASE_URL"] ?? "" },
});
