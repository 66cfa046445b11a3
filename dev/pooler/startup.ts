import { ProtocolError } from "./message-splitter.ts";
import { type SessionKey, startupCodes } from "./protocol.ts";

/** What a client's first packet asks for. */
export type Startup =
  | { readonly kind: "encryption" }
  | { readonly kind: "cancel"; readonly key: SessionKey }
  | {
      readonly kind: "session";
      readonly user: string;
      readonly database: string;
      /** Whether the client wants a later protocol than 3.0, or options of one. */
      readonly mustNegotiate: boolean;
      readonly protocolOptions: readonly string[];
    };

/** Postgres' own limit, MAX_STARTUP_PACKET_LENGTH, in bytes. */
const maximumStartupBytes = 10_000;

/**
 * Parameters that a client may set. `application_name` has no effect: the server connection has one of its own. Others would be session
 * state, which does not exist here.
 */
const knownParameters = new Set(["user", "database", "application_name", "client_encoding"]);

/** Reads the packet at the beginning of `bytes`: null if it has not arrived. Throws `ProtocolError`. */
export function readStartup(bytes: Buffer): { startup: Startup; length: number } | null {
  if (bytes.length < 4) return null;
  const length = bytes.readUInt32BE(0);
  if (length < 8 || length > maximumStartupBytes) throw new ProtocolError("08P01", "invalid length of startup packet");
  if (bytes.length < length) return null;
  const code = bytes.readUInt32BE(4);
  if (code === startupCodes.ssl || code === startupCodes.gssEncryption)
    return { startup: { kind: "encryption" }, length };
  if (code === startupCodes.cancel) {
    if (length !== 16) throw new ProtocolError("08P01", "invalid length of startup packet");
    return { startup: { kind: "cancel", key: { pid: bytes.readInt32BE(8), secret: bytes.readInt32BE(12) } }, length };
  }
  if (code >>> 16 !== 3) throw new ProtocolError("0A000", "unsupported frontend protocol");
  return { startup: session(parametersOf(bytes.toString("utf8", 8, length)), code !== 3 << 16), length };
}

function parametersOf(body: string): Map<string, string> {
  const texts = body.split("\0");
  const parameters = new Map<string, string>();
  for (let at = 0; at + 1 < texts.length; at += 2) {
    const name = texts[at] ?? "";
    if (name === "") break;
    parameters.set(name, texts[at + 1] ?? "");
  }
  return parameters;
}

function session(parameters: Map<string, string>, isLaterProtocol: boolean): Startup {
  const protocolOptions = [...parameters.keys()].filter((name) => name.startsWith("_pq_."));
  for (const name of parameters.keys()) {
    if (!knownParameters.has(name) && !protocolOptions.includes(name))
      throw new ProtocolError("0A000", `the startup parameter "${name}" is not supported with pooled connections`);
  }
  const encoding = parameters.get("client_encoding") ?? "UTF8";
  if (!/^'?utf-?8'?$/i.test(encoding)) throw new ProtocolError("0A000", "the client encoding must be UTF8");
  const user = parameters.get("user") ?? "";
  const database = parameters.get("database") ?? user;
  const mustNegotiate = isLaterProtocol || protocolOptions.length > 0;
  return { kind: "session", user, database, mustNegotiate, protocolOptions };
}
