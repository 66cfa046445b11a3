import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../dev/bundle.ts";
import { freePort } from "../dev/free-port.ts";
import { processes } from "../dev/processes.ts";
import { newStateFolder } from "./state-folder.ts";
import { eventually } from "./world.ts";

it("leaves neither a process nor a folder behind when a test run is killed", async () => {
  const stateDir = newStateFolder();
  const file = `${stateDir}-owner.ts`;
  const options = { stateDir, temporary: true, port: await freePort() };
  writeFileSync(
    file,
    `import { startPlatform } from ${JSON.stringify(join(root, "dev/platform.ts"))};
     await startPlatform(${JSON.stringify(options)});
     process.send("started");`,
  );
  const owner = fork(file, [], { execArgv: [] });
  try {
    const ended = once(owner, "exit").then(() =>
      Promise.reject(new Error("The owner ended before its platform had started.")),
    );
    await Promise.race([once(owner, "message"), ended]);
    ended.catch(() => undefined);
    const ofFolder = (): number => processes().filter(({ command }) => command.includes(stateDir)).length;
    expect(ofFolder()).toBeGreaterThan(0);
    owner.kill("SIGKILL");
    await eventually(async () => ofFolder() === 0 && !existsSync(stateDir), 20_000);
  } finally {
    owner.kill("SIGKILL");
    rmSync(file);
  }
}, 60_000);
