import type { BenchRequest } from "./request.ts";

/** The event that the benchmarks emit. */
export const emitEvent: BenchRequest = {
  method: "POST",
  path: "/v1/events",
  expectedStatus: 202,
  body: JSON.stringify({
    type: "invoice.paid",
    data: {
      id: "inv_01hzx8m9k2",
      customer: { id: "42", name: "Ada Lovelace", email: "ada@acme.example" },
      lines: [
        { description: "Pro plan, November", quantity: 1, amount: 4900 },
        { description: "Seats", quantity: 12, amount: 12_000 },
      ],
      currency: "usd",
      total: 16_900,
      paid_at: "2026-11-23T08:00:00Z",
    },
  }),
};
