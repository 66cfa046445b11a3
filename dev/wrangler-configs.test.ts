import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unstable_readConfig } from "wrangler";
import { root, workerConfigs } from "./bundle.ts";

const files = readdirSync(root).filter((name) => /^wrangler.*\.toml$/.test(name));

describe("the configuration of every Worker", () => {
  it("is one of the files that are deployed", () => {
    expect(files.toSorted()).toEqual(Object.values(workerConfigs).toSorted());
  });

  it.each(files)(
    "%s keeps our own log lines, and no invocation logs or traces, which hold URLs and addresses",
    (file) => {
      const { observability } = unstable_readConfig({ config: join(root, file) });
      expect(observability?.logs).toMatchObject({ enabled: true, invocation_logs: false });
      expect(observability?.traces?.enabled ?? false).toBe(false);
      expect(observability?.logs?.destinations ?? []).toEqual([]);
    },
  );
});
