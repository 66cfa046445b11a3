import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { root } from "../dev/bundle.ts";
import { parseCheckpoint } from "../durable-objects/audit-log/checkpoint/checkpoint.ts";
import { openNote } from "../durable-objects/audit-log/checkpoint/note.ts";
import { leafHash } from "../durable-objects/audit-log/tree/hash.ts";
import { verifyConsistency, verifyInclusion } from "../durable-objects/audit-log/tree/verify.ts";
import { recordOf, rowsOf, withSql } from "./audit-log-reading.ts";
import { baseUrl, call, eventually, newCustomer, newKey, newUser, type TestCustomer, type TestUser } from "./world.ts";

interface Checkpointed {
  readonly tree_size: number;
  readonly checkpoint: string;
  readonly verifier_key: string;
}

let customer: TestCustomer;
let owner: TestUser;

beforeAll(async () => {
  customer = await newCustomer({ tier: "ci" });
  owner = await newUser(customer, "owner", "us");
});

async function exported(token: string, query = ""): Promise<string> {
  const response = await fetch(`${baseUrl()}/v1/audit-logs/export${query}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(200);
  return response.text();
}

/** Runs `npm run audit:verify` on texts, each in a file of its own. */
async function verify(...texts: readonly string[]): Promise<{ code: number; output: string }> {
  const folder = mkdtempSync(join(tmpdir(), "domicile-audit-"));
  const files = texts.map((text, at) => join(folder, `${at}.${text.startsWith("{") ? "ndjson" : "txt"}`));
  for (const [at, text] of texts.entries()) writeFileSync(files[at] ?? "", text);
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "dev/audit-verify.ts"), ...files]);
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { code, output: stdout };
  }
}

describe("the log's tree", () => {
  it("proves a record under a signed checkpoint, and one checkpoint to continue another", async () => {
    const answer = await call("/v1/limits", { token: owner.token });
    const record = await recordOf(answer.headers.get("domicile-request-id"), owner.token);
    type Proof = Checkpointed & { leaf_index: number; leaf: string; proof: string[] };
    const { body } = await call<Proof>(`/v1/audit-logs/${record.id}/proof`, { token: owner.token });
    const opened = await openNote(body.checkpoint, [body.verifier_key]);
    const checkpoint = parseCheckpoint(opened?.text ?? "");
    expect(checkpoint?.origin.endsWith(`/us/${customer.id}`)).toBe(true);
    const hashes = body.proof.map((hash) => Uint8Array.from(Buffer.from(hash, "base64")));
    const secondRoot = checkpoint?.root ?? new Uint8Array();
    const leaf = new TextEncoder().encode(body.leaf);
    const proof = { index: body.leaf_index, size: body.tree_size, leafHash: leafHash(leaf), hashes, root: secondRoot };
    expect(verifyInclusion(proof)).toBe(true);
    expect(JSON.parse(body.leaf)).toMatchObject({ id: record.id, customer_id: customer.id, action: "limits.read" });
    const now = await call<Checkpointed>("/v1/audit-logs/checkpoint", { token: owner.token });
    const later = parseCheckpoint((await openNote(now.body.checkpoint, [body.verifier_key]))?.text ?? "");
    const sizes = `first=${body.tree_size}&second=${now.body.tree_size}`;
    const between = await call<{ proof: string[] }>(`/v1/audit-logs/consistency?${sizes}`, { token: owner.token });
    const consistent = verifyConsistency({
      first: body.tree_size,
      second: now.body.tree_size,
      firstRoot: secondRoot,
      secondRoot: later?.root ?? new Uint8Array(),
      hashes: between.body.proof.map((hash) => Uint8Array.from(Buffer.from(hash, "base64"))),
    });
    expect(consistent).toBe(true);
    const beyond = `first=1&second=${now.body.tree_size + 1000}`;
    expect((await call(`/v1/audit-logs/consistency?${beyond}`, { token: owner.token })).status).toBe(422);
  });
});

describe("the table", () => {
  it("refuses to change or remove a record to the application, the writer, the owner, and an ordinary user", async () => {
    const { appUrls, ownerUrls } = inject("platform");
    const [row] = await rowsOf(ownerUrls.us, customer.id);
    const statements = [
      `update audit_logs set outcome = 'success' where id = '${row?.id}'`,
      `delete from audit_logs where id = '${row?.id}'`,
      "truncate audit_logs",
      "update audit_tree set level = level",
      "delete from audit_tree",
      "delete from audit_checkpoints",
    ];
    const ordinary = ownerUrls.us.replace(/\/\/[^@]+@/, "//ordinary:ordinary@");
    await withSql(inject("platform").superuserUrls.us, async (sql) => {
      await sql`drop role if exists ordinary`;
      await sql`create role ordinary login password 'ordinary'`;
      await sql`grant connect on database us to ordinary`;
    });
    for (const url of [appUrls.us, ownerUrls.us, ordinary]) {
      await withSql(url, async (sql) => {
        await sql`select set_config('app.customer_id', ${customer.id}, false)`;
        for (const statement of statements)
          await expect(sql.unsafe(statement)).rejects.toMatchObject({ code: "42501" });
      });
    }
    await withSql(appUrls.us, async (sql) => {
      await expect(sql`select audit_drop_day('2026-11-23')`).rejects.toMatchObject({ code: "42501" });
      await expect(sql`insert into audit_tree values (${customer.id}, 0, 999, '')`).rejects.toMatchObject({
        code: "42501",
      });
      // Without a customer, row-level security shows none.
      expect(await sql`select from audit_records`).toHaveLength(0);
    });
    await withSql(inject("platform").superuserUrls.us, (sql) => sql`drop owned by ordinary`);
    expect((await rowsOf(ownerUrls.us, customer.id)).some((one) => one.id === row?.id)).toBe(true);
  });
});

describe("audit:verify", () => {
  it("names what a superuser changed, removed or cut off, and passes what nobody touched", async () => {
    const { superuserUrls, ownerUrls } = inject("platform");
    const other = await newCustomer({ tier: "ci" });
    const admin = await newUser(other, "owner", "us");
    await Promise.all(Array.from({ length: 400 }, () => call("/v1/limits", { token: admin.token })));
    await eventually(async () => (await rowsOf(ownerUrls.us, other.id)).length >= 403);
    const whole = await exported(admin.token);
    expect(await verify(whole)).toMatchObject({ code: 0 });
    const rows = await rowsOf(ownerUrls.us, other.id);
    const changed = rows[100]?.id ?? "";
    const removed = rows[200];
    await withSql(superuserUrls.us, async (sql) => {
      await sql`set session_replication_role = 'replica'`;
      await sql`update audit_logs set outcome = 'denied' where id = ${changed}`;
      await sql`delete from audit_logs where id = ${removed?.id ?? ""}`;
    });
    const tampered = await verify(await exported(admin.token));
    expect(tampered.code).toBe(1);
    expect(tampered.output).toContain(`changed (line 102): the record ${changed} at leaf 100`);
    expect(tampered.output).toContain(`removed: the record of leaf ${removed?.leaf_index} is not there`);
    expect(tampered.output).toContain("2 things do not fit");
    // The record of the first export is written after it, and makes the log longer than the file.
    const exportedRecords = whole.trimEnd().split("\n").length - 1;
    await eventually(async () =>
      (await rowsOf(ownerUrls.us, other.id)).some(({ leaf_index }) => Number(leaf_index) >= exportedRecords),
    );
    const kept = await call<Checkpointed>("/v1/audit-logs/checkpoint", { token: admin.token });
    const old = await verify(whole, kept.body.checkpoint);
    expect(old.code).toBe(1);
    expect(old.output).toContain("cut_off");
    // The newest records gone without a trace, tree and checkpoints too: nothing is vouched for any more.
    await withSql(superuserUrls.us, async (sql) => {
      await sql`set session_replication_role = 'replica'`;
      await sql`delete from audit_logs where customer_id = ${other.id} and leaf_index >= 300`;
      await sql`delete from audit_tree where customer_id = ${other.id} and first >= 300`;
      await sql`delete from audit_checkpoints where customer_id = ${other.id}`;
    });
    const refused = await call("/v1/audit-logs/checkpoint", { token: admin.token });
    expect(refused.status).toBe(503);
  });

  it("names lines that a file was changed in: swapped, cut off, forged", async () => {
    const lines = (await exported(owner.token)).trimEnd().split("\n");
    const [header = "", a = "", b = "", ...rest] = lines;
    expect((await verify(lines.join("\n"))).code).toBe(0);
    expect((await verify([header, b, a, ...rest].join("\n"))).output).toContain("reordered");
    expect((await verify([header, a, a, b, ...rest].join("\n"))).output).toContain("duplicate");
    expect((await verify(lines.slice(0, -3).join("\n"))).output).toContain("cut_off");
    expect(
      (await verify([header, a.replace(/"ip_address":"[^"]*"/, '"ip_address":"198.51.100.1"'), b, ...rest].join("\n")))
        .output,
    ).toContain("personal_changed");
    const { checkpoint } = JSON.parse(header) as { checkpoint: string };
    const forged = header.replace(JSON.stringify(checkpoint), JSON.stringify(checkpoint.replace(/\n\d+\n/, "\n1\n")));
    expect((await verify([forged, a, b, ...rest].join("\n"))).output).toContain("not_signed");
  });

  it("is told of an export by HEAD without one being made, and nobody waits for it", async () => {
    const headers = { authorization: `Bearer ${owner.token}` };
    const head = await fetch(`${baseUrl()}/v1/audit-logs/export`, { method: "HEAD", headers });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-type")).toBe("application/x-ndjson");
    await eventually(async () => {
      const open = await withSql(
        inject("platform").superuserUrls.us,
        (sql) => sql`select from pg_stat_activity where state = 'idle in transaction'`,
      );
      return open.length === 0;
    });
  });

  it("passes an export of a span of time", async () => {
    const from = new Date(Date.now() - 3000).toISOString();
    await call("/v1/limits", { token: owner.token });
    const text = await exported(owner.token, `?from=${from}`);
    expect(await verify(text)).toMatchObject({ code: 0 });
  });
});

describe("a deleted user", () => {
  it("leaves records that verify and show no address", async () => {
    const leaver = await newUser(customer, "member", "us");
    const key = await newKey(owner);
    const headers = { "user-agent": "Leaver/1", "cf-connecting-ip": "198.51.100.77" };
    const answer = await call("/v1/limits", { token: leaver.token, headers });
    const requestId = answer.headers.get("domicile-request-id");
    expect(await recordOf(requestId, owner.token)).toMatchObject({ ip_address: "198.51.100.77", erased: false });
    expect((await call(`/v1/users/${leaver.id}`, { method: "DELETE", token: owner.token })).status).toBe(204);
    expect(await recordOf(requestId, owner.token)).toMatchObject({
      user_id: leaver.id,
      ip_address: null,
      user_agent: null,
      erased: true,
    });
    const text = await exported(owner.token);
    expect(text).not.toContain("198.51.100.77");
    expect(text).not.toContain("Leaver/1");
    const verified = await verify(text);
    expect(verified).toMatchObject({ code: 0 });
    expect(verified.output).toMatch(/[1-9]\d* erased/);
    const kept = await recordOf(
      (await call("/v1/limits", { token: key.key, headers })).headers.get("domicile-request-id"),
      owner.token,
    );
    expect(kept.ip_address).toBe("198.51.100.77");
    // The key is gone for good: not even the application can bring one back.
    await withSql(inject("platform").appUrls.us, async (sql) => {
      await sql`select set_config('app.customer_id', ${customer.id}, false)`;
      const revived = sql`update audit_data_keys set wrapped = 'x', destroyed_at = null where subject_id = ${leaver.id}`;
      await expect(revived).rejects.toMatchObject({ code: "42501" });
    });
  });
});
