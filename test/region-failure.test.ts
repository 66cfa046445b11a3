import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, expectStatus } from "../dev/api.ts";
import { platformCustomerId } from "../schema/audit/entry.ts";
import { rowsOf } from "./audit-log-reading.ts";
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
