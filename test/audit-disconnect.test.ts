import { connect } from "node:net";
import { describe, expect, inject, it } from "vitest";
import { rowsOf, withSql } from "./audit-log-reading.ts";
import { baseUrl, eventually, newCustomer, newUser, wait } from "./world.ts";

/** Sends a request and hangs up after `ms` without waiting for the answer. */
function hangUp(path: string, token: string, body: object, ms: number): Promise<void> {
  const { hostname, port } = new URL(baseUrl());
  const text = JSON.stringify(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    `Authorization: Bearer ${token}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(text)}`,
  ];
  return new Promise((gone, failed) => {
    const socket = connect(Number(port), "127.0.0.1", () => {
      socket.write(`${head.join("\r\n")}\r\n\r\n${text}`);
      setTimeout(() => {
        socket.destroy();
        gone();
      }, ms);
    });
    socket.once("error", failed);
  });
}

describe("a client that hangs up", () => {
  it("leaves no change without its record, whenever it does", async () => {
    const customer = await newCustomer({ tier: "ci" });
    const owner = await newUser(customer, "owner", "us");
    for (let ms = 0; ms < 40; ms++) await hangUp("/v1/api-keys", owner.token, { name: `after ${ms} ms` }, ms);
    await wait(1000);
    const made = await withSql(inject("platform").ownerUrls.us, async (sql) => [
      ...(await sql<{ id: string }[]>`select id from api_keys where customer_id = ${customer.id}`),
    ]);
    expect(made.length).toBeGreaterThan(0);
    await eventually(async () => {
      const rows = await rowsOf(inject("platform").ownerUrls.us, customer.id);
      const recorded = new Set(rows.map((row) => row.resource_id));
      return made.every(({ id }) => recorded.has(id));
    });
  });
});
