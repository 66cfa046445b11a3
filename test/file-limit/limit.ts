import { Worker } from "node:worker_threads";
import { afterAll, expect } from "vitest";

/** How long a test file may take, in milliseconds. `FILE_LIMIT_MS` sets another limit, for the test of this limit. */
const limitMs = Number(process.env["FILE_LIMIT_MS"] ?? 240_000);

// A timeout of vitest cannot end a file whose thread is blocked. This thread can: it kills the process of the file, and vitest reports
// the file as failed and continues with the next.
const watchdog = new Worker(
  `const { workerData } = require("node:worker_threads");
   setTimeout(() => {
     require("node:fs").writeSync(2, workerData.file + " did not end within " + workerData.limitMs / 1000 + " s. It is stopped.\\n");
     process.kill(process.pid, "SIGKILL");
   }, workerData.limitMs);`,
  { eval: true, workerData: { file: expect.getState().testPath ?? "a test file", limitMs } },
);
watchdog.unref();

afterAll(async () => {
  await watchdog.terminate();
});
