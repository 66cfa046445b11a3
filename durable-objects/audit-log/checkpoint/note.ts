import { createHash } from "node:crypto";
import type { CryptoKey } from "jose";

/** Who signs notes: the name of the key, and an Ed25519 key pair (the public half as 32 raw bytes). */
export interface NoteSigner {
  readonly name: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: Uint8Array;
}

/** A key that notes can be checked with. */
export interface VerifierKey {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** The signature type of Ed25519 (https://c2sp.org/signed-note#signature-types). */
const ed25519 = 0x01;
const publicKeyBytes = 32;
const keyIdBytes = 4;
const signatureBytes = 64;

/** What stands before the signatures of a note, and begins each of their lines. */
const separator = "\n\n";
const dash = "— ";

/** Signs a text, which ends with a newline, as a note (https://c2sp.org/signed-note). */
export async function signNote(text: string, { name, privateKey, publicKey }: NoteSigner): Promise<string> {
  if (!text.endsWith("\n")) throw new TypeError("the text of a note ends with a newline");
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, utf8(text)));
  const line = Buffer.concat([keyIdOf(name, publicKey), signature]).toString("base64");
  return `${text}\n${dash}${name} ${line}\n`;
}

/** A verifier key as it is given to people: `name+keyid+key` (https://c2sp.org/signed-note#verifier-keys). */
export function formatVerifierKey(name: string, publicKey: Uint8Array): string {
  const keyId = Buffer.from(keyIdOf(name, publicKey)).toString("hex");
  return `${name}+${keyId}+${Buffer.concat([Uint8Array.of(ed25519), publicKey]).toString("base64")}`;
}

/** Reads a verifier key; null for one that is malformed, or whose id is not that of its name and key. */
export function parseVerifierKey(text: string): VerifierKey | null {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text);
  const [, name = "", id = "", encoded = ""] = match ?? [];
  const bytes = Buffer.from(encoded, "base64");
  if (match === null || bytes.length !== 1 + publicKeyBytes || bytes[0] !== ed25519) return null;
  const publicKey = Uint8Array.from(bytes.subarray(1));
  const keyId = keyIdOf(name, publicKey);
  return Buffer.from(keyId).toString("hex") === id ? { name, keyId, publicKey } : null;
}

/**
 * The text of a note that is signed with one of the keys, null if it is with none. A signature by another key is passed over, as
 * witnesses' are; a wrong one by a known key spoils the note.
 */
export async function openNote(note: string, verifierKeys: readonly string[]): Promise<{ text: string } | null> {
  const at = note.lastIndexOf(separator);
  if (at < 0 || !note.endsWith("\n")) return null;
  const text = note.slice(0, at + 1);
  const keys = verifierKeys.map(parseVerifierKey).filter((key) => key !== null);
  let signed = false;
  for (const line of note.slice(at + separator.length, -1).split("\n")) {
    const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
    if (name === undefined || encoded === undefined) return null;
    const bytes = Buffer.from(encoded, "base64");
    const key = keys.find((known) => known.name === name && bytes.subarray(0, keyIdBytes).equals(known.keyId));
    if (key === undefined) continue;
    // oxlint-disable-next-line no-await-in-loop -- almost always one
    if (!(await isSigned(text, bytes.subarray(keyIdBytes), key.publicKey))) return null;
    signed = true;
  }
  return signed ? { text } : null;
}

async function isSigned(text: string, signature: Uint8Array, publicKey: Uint8Array): Promise<boolean> {
  if (signature.length !== signatureBytes) return false;
  const key = await crypto.subtle.importKey("raw", Uint8Array.from(publicKey), "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", key, Uint8Array.from(signature), utf8(text));
}

/** The first four bytes of SHA-256(name, newline, type, key). */
function keyIdOf(name: string, publicKey: Uint8Array): Uint8Array {
  const hash = createHash("sha256").update(`${name}\n`).update(Uint8Array.of(ed25519)).update(publicKey).digest();
  return Uint8Array.from(hash.subarray(0, keyIdBytes));
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text));
}
