import type { LoginRole } from "./login-roles.ts";
import { rememberProcesses } from "./orphans.ts";
import { startPooler, type Pooler } from "./pooler/start.ts";
import { processOf } from "./processes.ts";

/** What a supervised pooler is started with. */
export interface SupervisedPoolerOptions {
  readonly stateDir: string;
  readonly postgresPort: number;
  readonly roles: readonly LoginRole[];
  /** Called with a sentence for the person who runs the platform. */
  readonly onFault: (message: string) => void;
}

/** A pooler that is started again on the same port when it ends unexpectedly. */
export interface SupervisedPooler {
  readonly port: number;
  close(): Promise<void>;
}

/** The pause before a pooler that ended is started again, in milliseconds. */
const restartMs = 200;

/** Starts a pooler for the Workers' roles. */
export async function startSupervisedPooler(options: SupervisedPoolerOptions): Promise<SupervisedPooler> {
  const { stateDir, postgresPort, roles, onFault } = options;
  let closed = false;
  const start = async (port?: number): Promise<Pooler> => {
    const routes = roles.map(({ user, password, database }) => ({ user, password, database }));
    const pooler = await startPooler({ upstreamPort: postgresPort, routes, ...(port !== undefined && { port }) });
    const known = processOf(pooler.pid);
    if (known !== null) rememberProcesses(stateDir, "pooler", [{ pid: known.pid, started: known.started }]);
    return pooler;
  };
  let current = await start();
  const { port } = current;
  const supervise = async (): Promise<void> => {
    for (;;) {
      await current.exited;
      if (closed) return;
      onFault("The connection pooler ended unexpectedly. It is being started again.");
      await startAgain();
    }
  };
  const startAgain = async (): Promise<void> => {
    for (;;) {
      await new Promise((paused) => setTimeout(paused, restartMs));
      if (closed) return;
      try {
        current = await start(port);
        // `close` may have been called while it was being started, and closed its predecessor.
        if (closed) await current.close();
        return;
      } catch (error) {
        onFault(`The pooler could not be started again: ${String(error)}`);
      }
    }
  };
  const supervision = supervise();
  return {
    port,
    close: async () => {
      closed = true;
      await current.close();
      await supervision;
    },
  };
}
