import { describe, expect, it } from "vitest";
import { billOf, difference, dollarsPerMillion, noUsage, perEvent, sumOf } from "./bill.ts";
import { prices } from "./prices.ts";

describe("a bill", () => {
  it("is the sum of what was used, each at its price for a million", () => {
    const usage = { ...noUsage, workerRequests: 1, objectRequests: 2, queueOperations: 0.3 };
    expect(dollarsPerMillion(usage)).toBeCloseTo(0.3 + 2 * 0.15 + 0.3 * 0.4);
    expect(billOf(usage)["all"]?.dollars).toBe("0.720");
  });

  it("divides what was used between two readings among the events, and adds what happens more rarely", () => {
    const before = { ...noUsage, rowsWritten: 5 };
    const each = perEvent(difference({ ...before, rowsWritten: 25 }, before), 10);
    const rare = { ...noUsage, rowsWritten: 7, r2Writes: 2 };
    expect(
      sumOf([
        { usage: each, times: 1 },
        { usage: rare, times: 0.5 },
      ]),
    ).toMatchObject({ rowsWritten: 5.5, r2Writes: 1 });
  });
});

describe("the price list", () => {
  it("names a page of Cloudflare's documentation for every price", () => {
    for (const { source } of Object.values(prices)) expect(source).toMatch(/^https:\/\/developers\.cloudflare\.com\//);
  });
});
