import { expect, it } from "vitest";
import { leafBytes, type LeafRecord } from "./leaf.ts";

const record: LeafRecord = {
  action: "me.read",
  api_key_id: null,
  customer_id: "cus_1",
  id: "aud_1",
  outcome: "denied",
  personal_commitment: "YQ==",
  personal_sealed: null,
  region: "us",
  request_id: "req_1",
  resource_id: null,
  resource_type: "user",
  timestamp: "2026-11-24T00:00:00.000Z",
  user_id: "usr_1",
};

it("keeps the bytes of a leaf without a count, so that logs from before there were counts verify", () => {
  expect(new TextDecoder().decode(leafBytes(record))).toBe(
    '{"action":"me.read","api_key_id":null,"customer_id":"cus_1","id":"aud_1","outcome":"denied","personal_commitment":"YQ==",' +
      '"personal_sealed":null,"region":"us","request_id":"req_1","resource_id":null,"resource_type":"user",' +
      '"timestamp":"2026-11-24T00:00:00.000Z","user_id":"usr_1","v":"1"}',
  );
});

it("has the count of an aggregated record in the leaf, in the order of RFC 8785 and under a version of its own", () => {
  const text = new TextDecoder().decode(leafBytes({ ...record, count: "12" }));
  expect(text).toContain('"api_key_id":null,"count":"12","customer_id":"cus_1"');
  expect(text).toContain('"v":"2"');
  expect(Object.keys(JSON.parse(text) as object)).toEqual(Object.keys(JSON.parse(text) as object).toSorted());
});
