import type { Socket } from "node:net";
import { Client, DatabaseError } from "pg";
import type { Route } from "./options.ts";
import { parameterStatus, type PostgresError, type SessionKey } from "./protocol.ts";

/** A connection that Postgres has accepted, not used yet. */
export interface OpenedConnection {
  readonly socket: Socket;
  readonly key: SessionKey;
  /** The ParameterStatus messages that Postgres sent. */
  readonly parameters: Buffer;
}

/** How long Postgres may take to accept a connection, in milliseconds. */
const connectTimeoutMs = 5000;

/** Connects and authenticates (SCRAM) by `pg`, and takes over its socket. Rejects if Postgres refuses or cannot be reached. */
export async function openServerConnection(route: Route, upstreamPort: number): Promise<OpenedConnection> {
  const { user, password, database } = route;
  const client = new Client({
    host: "127.0.0.1",
    port: upstreamPort,
    user,
    password,
    database,
    application_name: "domicile",
    connectionTimeoutMillis: connectTimeoutMs,
    ssl: false,
  });
  // After the takeover, ServerConnection handles the socket's errors.
  client.on("error", () => undefined);
  const parameters: Buffer[] = [];
  let key: SessionKey = { pid: 0, secret: 0 };
  client.connection.on("parameterStatus", (status: { parameterName: string; parameterValue: string }) => {
    parameters.push(parameterStatus(status.parameterName, status.parameterValue));
  });
  client.connection.on("backendKeyData", (data: { processID: number; secretKey: number }) => {
    key = { pid: data.processID, secret: data.secretKey };
  });
  await client.connect();
  const socket = client.connection.stream as Socket;
  socket.removeAllListeners("data");
  return { socket, key, parameters: Buffer.concat(parameters) };
}

/** SQLSTATE classes by which a client knows that Postgres is unavailable: connection exceptions, resources, operator intervention, system errors. */
const unavailable = /^(?:08|53|57P|58)/;

/**
 * The error for clients when no server connection could be opened: Postgres' own, 08004 (Postgres rejected the connection) in place of a code
 * that means something else in answer to a statement, or 08006.
 */
export function connectionFailure(error: unknown): PostgresError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (error instanceof DatabaseError && typeof code === "string")
    return { code: unavailable.test(code) ? code : "08004", message: `${error.message} (${code})` };
  return { code: "08006", message: `cannot connect to Postgres: ${String(message)}` };
}
