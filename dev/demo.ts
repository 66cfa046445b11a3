import type { Role } from "../schema/principal.ts";
import type { Region } from "../schema/regions.ts";

/** `.domicile/demo.json`: what a person needs to try the platform. */
export interface Demo {
  readonly base_url: string;
  readonly operator_token: string;
  readonly password: string;
  readonly users: readonly {
    readonly email: string;
    readonly customer: string;
    readonly region: Region;
    readonly role: Role;
  }[];
  readonly api_keys: Readonly<Record<"basic" | "enterprise" | "ci", string>>;
}

/** The tiers that the demo's customers may give to API keys. */
export const demoTiers = ["basic", "enterprise", "ci"];

/** What the demo's API keys may do: call the customer's API, and emit events and look at them. */
export const demoScopes = ["api", "events:write", "events:read"];

/** The demo's customers and users. */
export const demoCustomers = [
  {
    name: "Acme",
    tier: "basic",
    users: [
      { email: "ada@acme.example", name: "Ada Lovelace", region: "us", role: "owner" },
      { email: "emil@acme.example", name: "Emil Noether", region: "eu", role: "admin" },
    ],
  },
  {
    name: "Globex",
    tier: "enterprise",
    users: [
      { email: "gus@globex.example", name: "Gus Grissom", region: "us", role: "owner" },
      { email: "greta@globex.example", name: "Greta Hermann", region: "eu", role: "owner" },
    ],
  },
] as const;
