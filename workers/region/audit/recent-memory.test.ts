import { expect, it } from "vitest";
import { RecentMemory } from "./recent-memory.ts";

it("remembers a caller's last actions for five minutes, and reads them again after that", async () => {
  const memory = new RecentMemory();
  let reads = 0;
  const read = (): Promise<[]> => {
    reads += 1;
    return Promise.resolve([]);
  };
  const start = 1_700_000_000_000;
  expect(await memory.find("usr_1", start, read)).toEqual({ data: [], readAt: start });
  expect((await memory.find("usr_1", start + 299_999, read)).readAt).toBe(start);
  expect(reads).toBe(1);
  expect((await memory.find("usr_2", start + 299_999, read)).readAt).toBe(start + 299_999);
  expect((await memory.find("usr_1", start + 300_000, read)).readAt).toBe(start + 300_000);
  expect(reads).toBe(3);
});
