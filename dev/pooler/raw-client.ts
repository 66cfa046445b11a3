import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { int32, message, query } from "./protocol.ts";

/** For tests: a client that sends what it is told, and reads only when it is told. */
export interface RawClient {
  readonly socket: Socket;
  /** Everything that has come since the last `read`, as soon as it ends with ReadyForQuery or the connection has ended. Bounded to 5 s. */
  read(): Promise<Buffer>;
}

/** Connects and sends a startup packet and a password. */
export async function rawLogin(
  port: number,
  parameters: Readonly<Record<string, string>>,
  password: string,
): Promise<RawClient> {
  const client = await rawConnect(port);
  client.socket.write(startupPacket(parameters));
  client.socket.write(message("p", Buffer.from(`${password}\0`)));
  return client;
}

export async function rawConnect(port: number): Promise<RawClient> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return { socket, read: () => read(socket) };
}

export function startupPacket(parameters: Readonly<Record<string, string>>, version = 3 << 16): Buffer {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`);
  const body = Buffer.from(`${pairs.join("")}\0`);
  return Buffer.concat([int32(8 + body.length), int32(version), body]);
}

/** Messages of the extended protocol, as a client writes them. */
export const messages = {
  query,
  parse: (name: string, sql: string) => message("P", Buffer.from(`${name}\0${sql}\0\0\0`)),
  /** Binds text parameters, and executes. */
  bind: (name: string, ...values: readonly string[]) =>
    message(
      "B",
      Buffer.concat([
        Buffer.from(`\0${name}\0\0\0`),
        Buffer.from([0, values.length]),
        ...values.flatMap((value) => [int32(Buffer.byteLength(value)), Buffer.from(value)]),
        Buffer.from([0, 0]),
      ]),
    ),
  describe: (name: string) => message("D", Buffer.from(`S${name}\0`)),
  execute: () => message("E", Buffer.from("\0\0\0\0\0")),
  close: (name: string) => message("C", Buffer.from(`S${name}\0`)),
  sync: () => message("S", Buffer.alloc(0)),
} as const;

/** The types of the messages in `bytes`, one letter each, without ParameterStatus. */
export function typesOf(bytes: Buffer): string {
  let types = "";
  for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
    types += String.fromCharCode(bytes[at] ?? 0);
  }
  return types.replaceAll("S", "");
}

/** The SQLSTATE of the first error in `bytes`. */
export function errorCodeOf(bytes: Buffer): string | undefined {
  return /\0C([0-9A-Z]{5})\0/.exec(bytes.toString("latin1"))?.[1];
}

async function read(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const isComplete = (): boolean => {
    const end = Buffer.concat(chunks.slice(-6)).subarray(-6);
    return end.length === 6 && end.readUInt8(0) === 0x5a && end.readUInt32BE(1) === 5;
  };
  const deadline = AbortSignal.timeout(5000);
  while (!isComplete() && !socket.destroyed && !socket.readableEnded) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) await Promise.race([once(socket, "readable", { signal: deadline }), once(socket, "close")]);
    else chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
