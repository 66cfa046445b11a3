import { beforeAll, describe, expect, inject, it } from "vitest";
import { newId } from "../schema/ids.ts";
import type { RouteContract } from "../schema/http/route.ts";
import { routes } from "../schema/http/routes.ts";
import { call, newCustomer, newUser, signIn, type TestCustomer, type TestUser } from "./world.ts";

let customer: TestCustomer;
let owner: TestUser;

beforeAll(async () => {
  // The edge is where the requests of all tests enter; the home is in Europe.
  customer = await newCustomer({ tier: "ci" });
  owner = await newUser(customer, "owner", "eu");
  await call("/v1/limits", { token: owner.token });
});

/** The calls that have left the edge so far, by what was called: `{ region: 12, directory: 3 }`. */
async function callsSoFar(): Promise<Record<string, number>> {
  const { headers } = await call("/healthz", { headers: { "domicile-dev-calls": "1" } });
  const counts = (headers.get("domicile-dev-calls") ?? "").split(", ").filter((part) => part !== "");
  return Object.fromEntries(counts.map((part) => part.split("=")).map(([name = "", count]) => [name, Number(count)]));
}

/** The calls that left the edge while `work` ran. */
async function callsOf(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await callsSoFar();
  await work();
  const after = await callsSoFar();
  const differences = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(differences.filter(([, count]) => count > 0));
}

const idOf: Readonly<Record<string, () => string>> = {
  "/v1/sessions": () => newId("session"),
  "/v1/users": () => newId("user"),
  "/v1/api-keys": () => newId("apiKey"),
  "/v1/audit-logs": () => newId("auditRecord"),
  "/v1/events": () => newId("event"),
  "/v1/webhook-endpoints": () => newId("webhookEndpoint"),
  "/v1/deliveries": () => newId("delivery"),
  "/v1/public-keys": () => newId("publicKey"),
};

/** A path of the route that names something that does not exist. */
function pathOf({ path }: RouteContract): string {
  const collection = path.slice(0, path.indexOf("/{"));
  return path.replace(/\{\w+\}/, () => idOf[collection]?.() ?? "none");
}

const principalRoutes = routes.filter(({ access }) => access.who === "session" || access.who === "principal");

describe("the calls that leave the edge", () => {
  it.each(principalRoutes.map((route) => [`${route.method} ${route.path}`, route] as const))(
    "are one to the region for %s, and one to the directory if it names a user",
    async (_name, route) => {
      // A session of its own: one of the routes ends every session.
      const { token } = await signIn(owner.email, owner.password);
      const event = { type: "order.paid", data: {}, user_id: newId("user") };
      const bodies: Partial<Record<string, object>> = { subject: event, subjects: { events: [event] } };
      const body = bodies[route.routing ?? "home"] ?? {};
      const calls = await callsOf(() =>
        call(pathOf(route), { method: route.method, token, ...(route.method !== "GET" && { body }) }),
      );
      const namesUser = ["user", "subject", "subjects"].includes(route.routing ?? "home");
      expect(calls).toEqual({ region: 1, ...(namesUser && { directory: 1 }) });
    },
  );

  it("are one to the region for the customer's own API, for a read and a change", async () => {
    const { token } = await signIn(owner.email, owner.password);
    // The sample upstream fetches the platform's public keys once, through the edge.
    await call("/orders/42", { token });
    expect(await callsOf(() => call("/orders/42", { token }))).toEqual({ region: 1 });
    const change = { method: "POST", token, body: { note: "x" } };
    expect(await callsOf(() => call("/orders", change))).toEqual({ region: 1 });
  });

  it("are one to the directory and one to the region for a sign-in, known or not", async () => {
    for (const email of [owner.email, `nobody-${owner.email}`]) {
      const body = { email, password: "wrong" };
      expect(await callsOf(() => call("/v1/sessions", { method: "POST", body }))).toEqual({ directory: 1, region: 1 });
    }
  });

  it("are one to the directory for the first look-up of a user, and none for the next", async () => {
    const { token } = await signIn(owner.email, owner.password);
    const other = await newUser(customer, "member");
    const get = () => call(`/v1/users/${other.id}`, { token });
    expect(await callsOf(get)).toEqual({ region: 1, directory: 1 });
    expect(await callsOf(get)).toEqual({ region: 1 });
  });

  it("are none for a session that has ended, once the region has said so", async () => {
    // Not of an unlimited tier: that is asked about at the Gate every few seconds only.
    const { token } = await newUser(await newCustomer());
    await call("/v1/sessions/current", { method: "DELETE", token });
    const me = () => call("/v1/me", { token });
    expect(await callsOf(me)).toEqual({ region: 1 });
    expect(await callsOf(me)).toEqual({});
  });

  it("are none for what is refused by its form, its path or its credential, and for what the edge answers itself", async () => {
    const refused = [
      () => call("/healthz"),
      () => call("/openapi.json"),
      () => call("/v1/nothing", { token: owner.token }),
      () => call("/v1/me"),
      () => call("/v1/me", { token: `${owner.token}x` }),
      () => call("/orders/42", { token: "dmc_us_madeup" }),
      () => call("/v1/sessions", { method: "POST", body: { email: "no address" } }),
      () => call("/v1/me", { method: "OPTIONS" }),
    ];
    for (const work of refused) expect(await callsOf(work)).toEqual({});
  });

  it("are one to global or a region for an operator's request", async () => {
    const token = inject("platform").operatorToken;
    // What global served is recorded by the edge, behind the response of a read.
    const withoutQueue = async (path: string) => {
      const { queue: _queue, ...calls } = await callsOf(() => call(path, { token }));
      return calls;
    };
    expect(await withoutQueue("/operator/v1/customers")).toEqual({ global: 1 });
    expect(await withoutQueue("/operator/v1/dead-letters?region=eu")).toEqual({ region: 1 });
    expect(await withoutQueue("/operator/v1/metrics")).toEqual({ region: 2 });
  });
});
