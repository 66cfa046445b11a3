import postgres from "postgres";
import type { Platform } from "../../dev/platform.ts";
import type { AuditEntry } from "../../schema/audit/entry.ts";
import { importSealingKey, sealMessage } from "../../schema/audit/message.ts";
import { newId, timeOfId } from "../../schema/ids.ts";

const messages = 1000;
const perMessage = 100;
const customers = 20;
const usersEach = 50;

/** How many records a second go from the queue into Postgres: opened, sealed anew, put into their trees, inserted. */
export async function write(platform: Platform): Promise<void> {
  const [jwk] = platform.secrets.regions.us.auditSealingKeys;
  if (jwk === undefined) throw new Error("no key to seal to");
  const { d: _private, ...publicJwk } = jwk;
  const key = await importSealingKey(publicJwk);
  const customerIds = Array.from({ length: customers }, () => newId("customer"));
  const userIds = Array.from({ length: customers * usersEach }, () => newId("user"));
  const bodies: Buffer[] = [];
  for (let at = 0; at < messages; at++) {
    const entries = Array.from({ length: perMessage }, (_, one) =>
      entryOf(customerIds, userIds, at * perMessage + one),
    );
    const message = await sealMessage(entries, { id: newId("message"), region: "us", shard: 0 }, key);
    bodies.push(Buffer.from(JSON.stringify(message)));
  }
  const sql = postgres(platform.ownerUrl("us"), { max: 1, onnotice: () => undefined });
  const before = await count(sql);
  const began = performance.now();
  for (const body of bodies)
    platform.queues.send("domicile-audit-us", [{ contentType: "json", body, delaySeconds: 0 }]);
  while ((await count(sql)) < before + messages * perMessage) await new Promise((looked) => setTimeout(looked, 50));
  const seconds = (performance.now() - began) / 1000;
  await sql.end();
  const total = messages * perMessage;
  console.log(
    `written: ${total} records of ${customers} customers in ${seconds.toFixed(1)} s: ${Math.round(total / seconds)} records/s`,
  );
}

async function count(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ rows: string }[]>`select count(*) as rows from audit_logs`;
  return Number(row?.rows);
}

function entryOf(customerIds: readonly string[], userIds: readonly string[], at: number): AuditEntry {
  const id = newId("auditRecord");
  const user = at % userIds.length;
  return {
    id,
    customer_id: customerIds[user % customerIds.length] ?? "",
    user_id: userIds[user] ?? "",
    api_key_id: null,
    action: "GET /orders/{id}",
    resource_type: "orders",
    resource_id: String(at),
    outcome: "success",
    timestamp: timeOfId(id),
    request_id: newId("request"),
    ip_address: "203.0.113.7",
    user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    detail: null,
  };
}
