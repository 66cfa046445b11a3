import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, expectStatus } from "../dev/api.ts";
import { platformCustomerId } from "../schema/audit/entry.ts";
import { rowsOf } from "./audit-log-reading.ts";
import { newId } from "../schema/ids.ts";
import { forwardedHeader } from "../schema/forwarded.ts";
import type { Region } from "../schema/regions.ts";
import { startOwnPlatform, type OwnPlatform } from "./own-platform.ts";
import { eventually } from "./world.ts";

let own: OwnPlatform;

beforeAll(async () => {
  own = await startOwnPlatform();
});

afterAll(() => own.close());

describe("a region whose Worker fails", () => {
  it("leaves no change without a record: the edge makes it, and warns the client", async () => {
    const { token } = await own.user("failure@own.example", "owner", "us");
    const body = { name: "failure", scopes: ["api"] };
    const made = await expectStatus<{ id: string; key: string }>(201, own.platform.baseUrl, "/v1/api-keys", {
      method: "POST",
      token,
      body,
    });
    // Only the regions read this setting: their Workers now fail before they have read the request.
    own.platform.variables["CHECKPOINT_SECONDS"] = "-1";
    await own.platform.restartWorkers();
    const request = { token: made.body.key, headers: { "user-agent": "Failure/1" } };
    const change = await ask(own.platform.baseUrl, "/orders", { ...request, method: "POST", body: { note: "x" } });
    const read = await ask(own.platform.baseUrl, "/orders/42", request);
    expect(change.status).toBe(503);
    expect(change.body["detail"]).toBe(
      "This request may have been carried out, but could not be recorded. Check before you send it again.",
    );
    expect(change.headers.get("retry-after")).not.toBeNull();
    expect(read).toMatchObject({ status: 503, body: { detail: "Temporarily unavailable." } });
    delete own.platform.variables["CHECKPOINT_SECONDS"];
    await own.platform.restartWorkers();
    // The edge could not know the key's customer: no response of the region had named it to the restarted isolate.
    const records = () => rowsOf(own.platform.ownerUrl("us"), platformCustomerId);
    await eventually(async () => (await records()).some(({ api_key_id }) => api_key_id === made.body.id), 30_000);
    const ofKey = (await records()).filter(({ api_key_id }) => api_key_id === made.body.id);
    expect(ofKey).toMatchObject([
      { action: "POST /orders", outcome: "error", request_id: change.headers.get("domicile-request-id") },
    ]);
  });
});

describe("a region that a peer region asks", () => {
  /** Asks the `eu` Worker as the `us` Worker does on behalf of an admitted owner. */
  async function askEu(path: string, home: Region, method = "GET"): Promise<number> {
    const id = newId("user");
    const actor = {
      type: "user",
      id,
      customer_id: own.customerId,
      role: "owner",
      tier: "basic",
      region: home,
      session_id: "ses_x",
    };
    const headers = {
      [forwardedHeader.caller]: JSON.stringify({ kind: "admitted", actor }),
      [forwardedHeader.requestId]: newId("request"),
    };
    const url = own.platform.baseUrl + path;
    return (await own.platform.request("domicile-eu", { url, method, headers })).status;
  }

  it("refuses an operator's work on the region, which comes from the edge only", async () => {
    const headers = {
      [forwardedHeader.caller]: JSON.stringify({ kind: "admitted", actor: { type: "operator", id: "peer" } }),
      [forwardedHeader.requestId]: newId("request"),
    };
    const url = `${own.platform.baseUrl}/operator/v1/data-keys/rewrap?region=eu`;
    expect((await own.platform.request("domicile-eu", { url, method: "POST", headers })).status).toBe(403);
  });

  it("serves routes whose data may be away from the caller's home", async () => {
    expect(await askEu("/v1/events", "us")).toBe(200);
    expect(await askEu("/v1/users", "us")).toBe(200);
  });

  it.each([
    ["a route of the caller's home", "/v1/me", "us", "GET"],
    ["the customer's own API", "/orders/42", "us", "GET"],
    ["a sign-in", "/v1/sessions", "us", "POST"],
    ["a principal of its own region, whom its own Gate must admit", "/v1/events", "eu", "GET"],
  ] as const)("refuses %s", async (_what, path, home, method) => {
    const before = own.origins.eu.requests();
    expect(await askEu(path, home, method)).toBe(403);
    expect(own.origins.eu.requests()).toBe(before);
  });
});
