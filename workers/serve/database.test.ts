import { createServer, type AddressInfo, type Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { withClient } from "./database.ts";
import { isDatabaseUnavailable } from "./is-database-unavailable.ts";
import { withInvocation } from "./invocation.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** What a server says that lets nobody in: an ErrorResponse. */
function refusal(severity: string, code: string, message: string): Buffer {
  const fields = Buffer.from(`S${severity}\0V${severity}\0C${code}\0M${message}\0\0`);
  const header = Buffer.alloc(5);
  header.write("E");
  header.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([header, fields]);
}

/** The error of a statement for a server that answers whatever it is sent by `reply`; null: not at all. */
async function errorFrom(reply: Buffer | null): Promise<unknown> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => reply !== null && socket.end(reply));
  });
  servers.push(server);
  await new Promise<void>((listening) => {
    server.listen(0, "127.0.0.1", listening);
  });
  return errorAt((server.address() as AddressInfo).port);
}

async function errorAt(port: number): Promise<unknown> {
  const binding = { connectionString: `postgres://role:password@127.0.0.1:${port}/database` } as Hyperdrive;
  const context = { waitUntil: (promise: Promise<unknown>) => void promise.catch(() => undefined) };
  return withInvocation(context, (invocation) => withClient(binding, (sql) => sql`select 1`, invocation)).then(
    () => null,
    (error: unknown) => error,
  );
}

describe("a database is unavailable", () => {
  it.each([
    ["57P03", "the database system is starting up"],
    ["57P01", "terminating connection due to administrator command"],
    ["53300", "sorry, too many clients already"],
    ["55000", 'database "eu" is not currently accepting connections'],
    ["28000", 'role "eu_app" is not permitted to log in'],
    ["28000", "no pg_hba.conf entry for host"],
    ["42501", 'permission denied for database "eu"'],
    ["58000", "Server connection attempt failed: connection_refused"],
  ])("when it refuses connections with %s: %s", async (code, message) => {
    expect(isDatabaseUnavailable(await errorFrom(refusal("FATAL", code, message)))).toBe(true);
  });

  it("when nothing listens", async () => {
    const port = await new Promise<number>((found) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port: free } = server.address() as AddressInfo;
        server.close(() => found(free));
      });
    });
    expect(isDatabaseUnavailable(await errorAt(port))).toBe(true);
  });

  it("when it accepts a connection and then says nothing for three seconds", async () => {
    expect(isDatabaseUnavailable(await errorFrom(null))).toBe(true);
  });

  it.each([
    ["08006", "connection failure"],
    ["53300", "the pool has no connection"],
    ["57P01", "the pool has lost its connection"],
  ])("when a pool in front of it reports %s for a statement", async (code, message) => {
    expect(isDatabaseUnavailable(await errorFrom(refusal("ERROR", code, message)))).toBe(true);
  });

  it.each(["23505", "22P02", "40P01", "55000", "42501"])("but not for %s, an error of the statement", (code) => {
    const cause = Object.assign(new Error("an error"), { severity: "ERROR", code });
    expect(isDatabaseUnavailable(new Error("Failed query", { cause }))).toBe(false);
  });
});
