import { spawn } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { freePort } from "./free-port.ts";
import { postgresHome, type PostgresHome } from "./postgres-home.ts";
import { processOf } from "./processes.ts";

/** A real Postgres on this machine, with its data under the state folder. */
export interface LocalPostgres {
  readonly port: number;
  /** A connection string for a role that has `password`. */
  url(role: string, password: string, database: string): string;
  /** Starts the server again after `stop`. */
  start(): Promise<void>;
  /** Stops it: `fast` politely, `immediate` as a crash would. */
  stop(mode?: "fast" | "immediate"): Promise<void>;
}

/** For local use: small, quiet, on loopback alone. Durability stays on. */
const settings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  shared_buffers: "64MB",
  log_min_messages: "fatal",
};

/** Starts the Postgres of `stateDir`, made on the first run. One left behind by a killed predecessor is stopped first. */
export async function startPostgres(stateDir: string, superuserPassword: string): Promise<LocalPostgres> {
  const home = await postgresHome(stateDir);
  if (!existsSync(join(home.data, "PG_VERSION"))) await initialize(stateDir, home, superuserPassword);
  if (await isRunning(home)) await control(home, "stop", "-m", "fast");
  const port = await freePort();
  const server: LocalPostgres = {
    port,
    url: (role, password, database) => `postgres://${role}:${password}@127.0.0.1:${port}/${database}`,
    start: () => start(home, port),
    stop: async (mode = "fast") => {
      if (await isRunning(home)) await control(home, "stop", "-m", mode);
    },
  };
  await server.start();
  return server;
}

/** Stops the Postgres of `stateDir` if one runs. */
export async function stopPostgres(stateDir: string): Promise<void> {
  if (!existsSync(stateDir)) return;
  const home = await postgresHome(stateDir);
  if (existsSync(join(home.data, "PG_VERSION")) && (await isRunning(home))) await control(home, "stop", "-m", "fast");
}

/** Stops the Postgres of `stateDir` if one runs, and removes its data. */
export async function removePostgres(stateDir: string): Promise<void> {
  if (!existsSync(stateDir)) return;
  const home = await postgresHome(stateDir);
  if (existsSync(join(home.data, "PG_VERSION")) && (await isRunning(home)))
    await control(home, "stop", "-m", "immediate");
  rmSync(home.moved ?? home.data, { recursive: true, force: true });
}

async function initialize(stateDir: string, home: PostgresHome, password: string): Promise<void> {
  mkdirSync(stateDir, { recursive: true });
  const passwordFile = `${home.data}.password`;
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (home.runAs) chownSync(passwordFile, home.runAs.uid, home.runAs.gid);
  // Elsewhere first: a cluster that an interrupted start has half made would never start again.
  const half = `${home.data}.new`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { mode: 0o700 });
  if (home.runAs) chownSync(half, home.runAs.uid, home.runAs.gid);
  try {
    const auth = ["-U", "postgres", "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
    await run(home, "initdb", ["-D", half, ...auth, "-E", "UTF8", "--locale=C"]);
  } finally {
    rmSync(passwordFile);
  }
  rmSync(home.data, { recursive: true, force: true });
  renameSync(half, home.data);
}

async function start(home: PostgresHome, port: number): Promise<void> {
  const options = Object.entries({ ...settings, port: String(port) }).map(([name, value]) => `-c ${name}='${value}'`);
  await control(home, "start", "-w", "-t", "60", "-l", join(home.data, "server.log"), "-o", options.join(" "));
}

/** Whether a server works on the data. The number in postmaster.pid alone does not say so: after a crash it may be another program's. */
async function isRunning(home: PostgresHome): Promise<boolean> {
  const status = await exitCode(home, "pg_ctl", ["status", "-D", home.data]);
  if (status.code !== 0 || process.platform === "win32") return status.code === 0;
  const lock = join(home.data, "postmaster.pid");
  const pid = existsSync(lock) ? Number(readFileSync(lock, "utf8").split("\n")[0]) : 0;
  if (processOf(pid)?.command.includes(home.data) === true) return true;
  rmSync(lock, { force: true });
  return false;
}

async function control(home: PostgresHome, command: string, ...rest: string[]): Promise<void> {
  await run(home, "pg_ctl", [command, "-D", home.data, ...rest]);
}

async function run(home: PostgresHome, program: string, args: string[]): Promise<void> {
  const { code, output } = await exitCode(home, program, args);
  if (code === 0) return;
  const log = join(home.data, "server.log");
  const tail = existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(-10).join("\n") : "";
  throw new Error(`${program} ${args[0] ?? ""} failed (${code}):\n${output}\n${tail}`);
}

function exitCode(
  home: PostgresHome,
  program: string,
  args: string[],
): Promise<{ code: number | null; output: string }> {
  return new Promise((done, failed) => {
    // The server must not hold our pipes: pg_ctl's own output goes to files that it closes with it.
    const child = spawn(resolve(home.binaries, program), args, {
      ...home.runAs,
      cwd: "/",
      env: { LC_ALL: "C", PATH: process.env["PATH"] ?? "" },
      stdio: ["ignore", program === "pg_ctl" ? "ignore" : "pipe", "pipe"],
    });
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("error", failed);
    child.once("exit", (code) => {
      child.stderr?.destroy();
      done({ code, output });
    });
  });
}
