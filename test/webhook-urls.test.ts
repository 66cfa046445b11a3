import { inject, beforeAll, describe, expect, it } from "vitest";
import { startReceiver } from "../dev/receiver.ts";
import { hostileUrls } from "../schema/hostile-urls.ts";
import { publicUrlFault } from "../schema/public-url.ts";
import { withSql } from "./audit-log-reading.ts";
import { act, at, deliveriesOf, emit, newEndpoint, type MadeEndpoint } from "./webhook-world.ts";
import { call, eventually, newCustomer, newUser } from "./world.ts";

let token: string;
let made: MadeEndpoint;

beforeAll(async () => {
  ({ token } = await newUser(await newCustomer({ tier: "ci", key_tiers: ["ci"] }), "owner", "us"));
  const answer = await act<MadeEndpoint>(token, "/v1/webhook-endpoints", {
    url: "https://hooks.customer.example/in?key=1",
  });
  expect(answer.status).toBe(201);
  made = answer.body;
});

/** Loopback is permitted on one machine, and a query is for an endpoint. */
const local = { local: true, query: true, ports: ["443", "8443"], ownHosts: [] };
const refused = hostileUrls.filter((url) => publicUrlFault(url, local) !== null);

describe("a hostile URL", () => {
  it("is one of at least sixty", () => {
    expect(refused.length).toBeGreaterThanOrEqual(60);
  });

  it.each([...refused, "https://localhost.localdomain", "http://127.0.0.2", "https://127.0.0.1"])(
    "is refused with a reason: %s",
    async (url) => {
      const path = `/v1/webhook-endpoints/${made.id}`;
      for (const answer of [
        await act(token, "/v1/webhook-endpoints", { url }),
        await call(path, { method: "PATCH", token, body: { url } }),
      ]) {
        expect(answer.status).toBe(422);
        expect(answer.body).toMatchObject({ errors: [{ path: "url", message: expect.stringMatching(/./) as string }] });
      }
      expect((await call(path, { token })).body).toMatchObject({ url: made.url });
    },
  );

  it("that came into the database another way is not called either", async () => {
    const receiver = await startReceiver();
    try {
      const endpoint = await newEndpoint(token, receiver, "/was-good", { event_types: ["turned.bad"] });
      const url = "http://[::ffff:127.0.0.1]/";
      await withSql(
        inject("platform").ownerUrls.us,
        (sql) => sql`update webhook_endpoints set url = ${url} where id = ${endpoint.id}`,
      );
      const event = await emit(token, { type: "turned.bad", data: {} });
      // Another endpoint of this customer gets the event, too.
      const query = `event_id=${event.id}&endpoint_id=${endpoint.id}`;
      await eventually(async () => (await deliveriesOf(token, query))[0]?.status === "dead_letter");
      const [delivery] = await deliveriesOf(token, query);
      expect(delivery).toMatchObject({ parked_for: "url_refused", attempts: [] });
      expect(at(receiver, "/was-good")).toEqual([]);
    } finally {
      await receiver.close();
    }
  });
});
