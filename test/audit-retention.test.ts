import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, expectStatus, type Answer } from "../dev/api.ts";
import { runCommand, type Outcome } from "../dev/run-command.ts";
import type { AuditEntry } from "../schema/audit/entry.ts";
import { importSealingKey, sealMessage } from "../schema/audit/message.ts";
import { newId } from "../schema/ids.ts";
import { rowsOf, withSql } from "./audit-log-reading.ts";
import { startOwnPlatform, type OwnPlatform } from "./own-platform.ts";
import { eventually } from "./world.ts";

const dayMs = 86_400_000;

interface Day {
  readonly day: string;
  readonly held_in: string;
  readonly objects: number;
  readonly records_in_bucket: number;
}

let own: OwnPlatform;
let token: string;
let customers: readonly string[];
const today = new Date().toISOString().slice(0, 10);

beforeAll(async () => {
  own = await startOwnPlatform({}, "ci");
  token = (await own.user("owner@own.example", "owner", "us")).token;
  // Another customer, which keeps its records for two years.
  const wanted = {
    name: "Keeps",
    tier: "ci",
    allowed_regions: ["us"],
    default_region: "us",
    audit_retention_days: 730,
  };
  const keeps = await operate<{ id: string }>("POST", "/customers", 201, wanted);
  customers = [own.customerId, keeps.body.id];
  await Promise.all(Array.from({ length: 300 }, () => ask(own.platform.baseUrl, "/v1/limits", { token })));
  await eventually(async () => (await inPostgres()) === 304, 15_000);
});

afterAll(() => own.close());

function operate<T = Record<string, unknown>>(method: string, path: string, status: number, body?: object) {
  return expectStatus<T>(status, own.platform.baseUrl, `/operator/v1${path}`, {
    method,
    token: own.platform.secrets.operatorToken,
    ...(body && { body }),
  });
}

/** Records of the test's customers that Postgres has, in whichever table. */
async function inPostgres(): Promise<number> {
  const rows = await Promise.all(customers.map((id) => rowsOf(own.platform.ownerUrl("us"), id)));
  return rows.flat().length;
}

async function dayOf(day: string): Promise<Day | undefined> {
  const { body } = await operate<{ data: Day[] }>("GET", "/audit-days?region=us&limit=100", 200);
  return body.data.find((one) => one.day === day);
}

function atDay(days: number): Promise<void> {
  return own.platform.scheduled("domicile-us", new Date(Date.now() + days * dayMs));
}

function list(): Promise<Answer<{ data: unknown[] }>> {
  return ask(own.platform.baseUrl, "/v1/audit-logs?limit=100", { token });
}

/** Puts records of old days into the queue of eu, sealed as the edge seals them. */
async function writeOld(customerId: string, times: readonly string[]): Promise<void> {
  const [jwk] = own.platform.secrets.regions.eu.auditSealingKeys;
  if (jwk === undefined) throw new Error("no key to seal to");
  const { d: _private, ...publicJwk } = jwk;
  const entries = times.map((time): AuditEntry => {
    const named = { resource_type: "orders", resource_id: null, outcome: "success", ip_address: null } as const;
    const who = { customer_id: customerId, user_id: null, api_key_id: null, user_agent: null, detail: null };
    const ids = { id: newId("auditRecord"), request_id: newId("request") };
    return Object.assign({ action: "GET /orders", timestamp: Date.parse(time) }, ids, who, named);
  });
  const label = { id: newId("message"), region: "eu", shard: 0 } as const;
  const message = await sealMessage(entries, label, await importSealingKey(publicJwk));
  const body = Buffer.from(JSON.stringify(message));
  own.platform.queues.send("domicile-audit-eu", [{ contentType: "json", body, delaySeconds: 0 }]);
}

/** Runs `npm run audit:retention` or `audit:restore` against the platform. */
function run(args: readonly string[]): Promise<Outcome> {
  const { baseUrl, secrets } = own.platform;
  return runCommand("audit-days.ts", args, { DOMICILE_URL: baseUrl, OPERATOR_TOKEN: secrets.operatorToken });
}

describe("the days of the audit log", () => {
  it("are listed where they are", async () => {
    expect(await dayOf(today)).toMatchObject({ held_in: "audit_logs", objects: 0 });
    expect((await list()).body.data).toHaveLength(100);
  });

  it("move to the archive on the 31st day, are still listed, and take records that come late", async () => {
    await atDay(30);
    expect(await dayOf(today)).toMatchObject({ held_in: "audit_logs" });
    await atDay(31);
    expect(await dayOf(today)).toMatchObject({ held_in: "audit_logs_archive" });
    expect((await list()).body.data).toHaveLength(100);
    // Two lists were recorded besides, this one into a day that had moved.
    await eventually(async () => (await inPostgres()) === 306, 15_000);
    await withSql(own.platform.ownerUrl("us"), async (sql) => {
      expect(await sql`select from audit_logs where customer_id = ${own.customerId}`).toHaveLength(0);
      await expect(sql`delete from audit_logs_archive`).rejects.toMatchObject({ code: "42501" });
    });
  });

  it("are in the bucket, verified, on the 366th day, but for customers who keep theirs for longer", async () => {
    await atDay(365);
    expect(await dayOf(today)).toMatchObject({ objects: 0 });
    await atDay(366);
    const stored = await dayOf(today);
    // What our own customer had, and what the operator did to the platform as a whole.
    const kept = await rowsOf(own.platform.ownerUrl("us"), customers[1] ?? "");
    expect(kept).toHaveLength(1);
    expect(await inPostgres()).toBe(1);
    const objects = await withSql(own.platform.ownerUrl("us"), async (sql) => [
      ...(await sql<{ records: number; object_key: string }[]>`
        select records, object_key from audit_objects where customer_id = ${own.customerId} and removed_at is not null`),
    ]);
    expect(objects).toHaveLength(1);
    expect(objects[0]?.records).toBe(305);
    expect(stored).toMatchObject({ held_in: "audit_logs_archive" });
    const written = own.platform.logs.filter(({ message }) => message.includes('"audit.removed"'));
    expect(written.length).toBeGreaterThan(0);
  });

  it("come back by a command, verify, and stay until their time is over", async () => {
    const listed = await run(["restore", "us"]);
    expect(listed.stdout).toMatch(new RegExp(`^us ${today}: \\d+ records$`, "m"));
    const missing = await run(["restore", "us", "2019-01-01"]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/^There is no archived day 2019-01-01 in us\. The bucket has \d+ days, from /);
    const { stdout } = await run(["restore", "us", today]);
    expect(stdout).toMatch(/\d+ records of [1-9] objects are back until/);
    expect((await rowsOf(own.platform.ownerUrl("us"), own.customerId)).length).toBeGreaterThanOrEqual(305);
    expect((await list()).body.data).toHaveLength(100);
    const exported = await fetch(`${own.platform.baseUrl}/v1/audit-logs/export`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const lines = (await exported.text()).trimEnd().split("\n");
    expect(lines.filter((line) => line.startsWith('{"type":"leaf"'))).toEqual([]);
    const again = await run(["retention", "us"]);
    expect(again.stdout).toContain("us: 0 days archived, 0 objects stored, 0 records removed");
    await operate("POST", `/audit-days/2019-01-01/restore?region=us`, 404);
  });

  it("are dropped whole where nobody keeps them for longer", async () => {
    const emil = (await own.user("emil@own.example", "member", "eu")).token;
    await ask(own.platform.baseUrl, "/v1/me", { token: emil });
    await eventually(async () => (await rowsOf(own.platform.ownerUrl("eu"), own.customerId)).length === 3, 15_000);
    const listed = async () => {
      const { body } = await operate<{ data: Day[] }>("GET", "/audit-days?region=eu&limit=100", 200);
      return body.data.find((one) => one.day === today);
    };
    await own.platform.scheduled("domicile-eu", new Date(Date.now() + 366 * dayMs));
    expect(await listed()).toMatchObject({ held_in: "bucket", objects: 1, records_in_bucket: 3 });
    // A record of a day that is gone makes the day anew, and the next run stores it beside the first; so it does with the
    // operator's look at the list.
    await ask(own.platform.baseUrl, "/v1/me", { token: emil });
    await eventually(async () => (await rowsOf(own.platform.ownerUrl("eu"), own.customerId)).length === 1, 15_000);
    await own.platform.scheduled("domicile-eu", new Date(Date.now() + 366 * dayMs));
    expect(await listed()).toMatchObject({ held_in: "bucket", objects: 3, records_in_bucket: 5 });
  });

  it("survive a run that is killed in its middle: the next one goes on, and no record is missing", async () => {
    const { body } = await operate<{ id: string }>("POST", "/customers", 201, {
      name: "Interrupted",
      tier: "ci",
      allowed_regions: ["us", "eu"],
      default_region: "eu",
    });
    const days = Array.from({ length: 40 }, (_, at) => new Date(Date.now() - (400 + at) * dayMs).toISOString());
    await withSql(own.platform.superuserUrl("eu"), async (sql) => {
      for (const day of days) await sql`select audit_ensure_day(${day.slice(0, 10)}::date)`;
    });
    await writeOld(body.id, days);
    await eventually(async () => (await rowsOf(own.platform.ownerUrl("eu"), body.id)).length === 41, 15_000);
    const first = own.platform.scheduled("domicile-eu", new Date()).catch(() => "killed");
    await eventually(async () => (await rowsOf(own.platform.ownerUrl("eu"), body.id)).length < 35, 15_000);
    await own.platform.restartWorkers("kill");
    expect(await first).toBe("killed");
    const between = (await rowsOf(own.platform.ownerUrl("eu"), body.id)).length;
    expect(between).toBeGreaterThan(1);
    // A day that somebody holds on to at that moment is left to the next night.
    await eventually(async () => {
      await own.platform.scheduled("domicile-eu", new Date());
      return (await rowsOf(own.platform.ownerUrl("eu"), body.id)).length === 1;
    }, 15_000);
    const stored = await withSql(own.platform.ownerUrl("eu"), async (sql) => [
      ...(await sql<{ records: number }[]>`
        select records from audit_objects where customer_id = ${body.id} and removed_at is not null`),
    ]);
    expect(stored.reduce((sum, { records }) => sum + records, 0)).toBe(40);
  });

  it("go again when the time of their return is over; what came late is another part", async () => {
    const before = await inPostgres();
    await atDay(366 + 8);
    expect(await inPostgres()).toBe(1);
    const { records } = await withSql(own.platform.ownerUrl("us"), async (sql) => {
      const [row] = await sql<{ records: number }[]>`
        select sum(records)::int as records from audit_objects where customer_id = ${own.customerId}`;
      return row ?? { records: 0 };
    });
    expect(records + 1).toBe(before);
  });
});
