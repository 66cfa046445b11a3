import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditEntry } from "../../schema/audit/entry.ts";
import { newId, timeOfId } from "../../schema/ids.ts";
import { aggregatedEntry, RefusalWindows } from "./refusal-windows.ts";

const written: AuditEntry[] = [];
const waitUntil = (promise: Promise<unknown>): void => void promise;

function entry(change: Partial<AuditEntry> = {}): AuditEntry {
  const id = newId("auditRecord");
  return {
    id,
    customer_id: "cus_1",
    user_id: "usr_1",
    api_key_id: null,
    action: "me.read",
    resource_type: "user",
    resource_id: null,
    outcome: "denied",
    timestamp: timeOfId(id),
    request_id: newId("request"),
    ip_address: "203.0.113.7",
    user_agent: null,
    detail: null,
    ...change,
  };
}

function add(refusals: RefusalWindows, one: AuditEntry, status: number, count: number): void {
  refusals.add(one, { [`${one.action} ${status}`]: count }, waitUntil);
}

describe("refused requests", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    written.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function newRefusals(): RefusalWindows {
    return new RefusalWindows(10_000, async (first, kinds) => void written.push(aggregatedEntry(first, kinds)));
  }

  it("of one principal within ten seconds are one record of the first, with their number", async () => {
    const refusals = newRefusals();
    const first = entry();
    add(refusals, first, 429, 1);
    for (let at = 0; at < 999; at++) add(refusals, entry(), 429, 1);
    await vi.advanceTimersByTimeAsync(9999);
    expect(written).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    const made = { id: expect.any(String) as string, timestamp: Date.now() };
    expect(written).toEqual([{ ...first, ...made, count: 1000 }]);
    add(refusals, entry(), 429, 1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(written).toHaveLength(2);
    expect(written[1]).not.toHaveProperty("count");
  });

  it("are told apart by principal, and sign-ins to an account from requests of its sessions", async () => {
    const refusals = newRefusals();
    add(refusals, entry(), 401, 1);
    add(refusals, entry({ user_id: "usr_2" }), 401, 1);
    add(refusals, entry({ user_id: null, api_key_id: "key_1" }), 401, 1);
    add(refusals, entry({ action: "session.create" }), 401, 1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(written).toHaveLength(4);
  });

  it("of several kinds are listed in the detail, the ninth and later ones together", async () => {
    const refusals = newRefusals();
    add(refusals, entry(), 429, 2);
    add(refusals, entry({ action: "user.delete" }), 403, 1);
    for (let at = 0; at < 100; at++) add(refusals, entry({ action: `GET /${at}` }), 403, 1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(written[0]?.count).toBe(103);
    expect(written[0]?.detail).toContain("me.read 429 ×2, user.delete 403 ×1, GET /0 403 ×1");
    expect(written[0]?.detail).toContain("other ×94");
    expect(written[0]?.detail?.split(",")).toHaveLength(9);
  });

  it("are written with the next refusal where the request whose timer it was ended early", async () => {
    const refusals = newRefusals();
    vi.spyOn(globalThis, "setTimeout").mockImplementationOnce(() => 0 as never);
    const lost = entry();
    add(refusals, lost, 429, 1);
    await vi.advanceTimersByTimeAsync(12_000);
    expect(written).toEqual([]);
    add(refusals, entry({ user_id: "usr_2" }), 429, 1);
    await vi.advanceTimersByTimeAsync(0);
    expect(written).toMatchObject([{ request_id: lost.request_id }]);
  });
});
