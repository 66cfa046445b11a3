import { describe, expect, it } from "vitest";
import { eventFilterSchema, eventTypeSchema, filtersMatching } from "./event-type.ts";

describe("event types and filters", () => {
  it.each(["a", "invoice.paid", "invoice.paid.again", "A_1.b2"])("%s is a type", (type) => {
    expect(eventTypeSchema.safeParse(type).success).toBe(true);
  });

  it.each(["", ".", "a.", ".a", "a..b", "a b", "a-b", "1a", "a.*", "*", "a\n", "ä", "a".repeat(129)])(
    "%j is none",
    (type) => {
      expect(eventTypeSchema.safeParse(type).success).toBe(false);
    },
  );

  it.each(["*", "a.*", "a.b.*", "a.b"])("%s is a filter", (filter) => {
    expect(eventFilterSchema.safeParse(filter).success).toBe(true);
  });

  it.each(["**", "*.a", "a*", "a.*.b", "a.**", ".*", ""])("%j is no filter", (filter) => {
    expect(eventFilterSchema.safeParse(filter).success).toBe(false);
  });

  it.each([
    [["invoice.*"], "invoice.paid", true],
    [["invoice.*"], "invoice.paid.twice", true],
    [["invoice.*"], "invoice", false],
    [["invoice.*"], "invoices.paid", false],
    [["invoice"], "invoice.paid", false],
    [["*"], "anything.at.all", true],
    [["a", "b.c"], "b.c", true],
    [[], "a", false],
  ])("%j matches %s: %s", (filters, type, matches) => {
    expect(filtersMatching(type).some((filter) => filters.includes(filter))).toBe(matches);
  });
});
