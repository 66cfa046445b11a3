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

/** A note with more signatures is refused unread; the specification asks for at least 16, Go's sumdb/note takes as many as this. */
const maximumSignatures = 100;

/** Key names are without Unicode spaces and plus signs. */
const keyName = /^[^\p{White_Space}+]+$/u;
const signatureLine = /^— (?<name>[^\p{White_Space}+]+) (?<encoded>\S+)$/u;

/** What stands before the signatures of a note, and begins each of their lines. */
const separator = "\n\n";
const dash = "— ";

/**
 * Signs a text as a note (https://c2sp.org/signed-note). Throws a TypeError for a text that does not end with a newline or that no note
 * may hold, and for a name that no key may have.
 */
export async function signNote(text: string, { name, privateKey, publicKey }: NoteSigner): Promise<string> {
  if (!text.endsWith("\n") || !isPlain(text)) throw new TypeError("not the text of a note");
  requireKey(name, publicKey);
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, utf8(text)));
  const line = Buffer.concat([keyIdOf(name, publicKey), signature]).toString("base64");
  return `${text}\n${dash}${name} ${line}\n`;
}

/**
 * A verifier key as it is given to people: `name+keyid+key` (https://c2sp.org/signed-note#verifier-keys). Throws a TypeError for a name
 * that no key may have, or a key that is not 32 bytes.
 */
export function formatVerifierKey(name: string, publicKey: Uint8Array): string {
  requireKey(name, publicKey);
  const keyId = Buffer.from(keyIdOf(name, publicKey)).toString("hex");
  return `${name}+${keyId}+${Buffer.concat([Uint8Array.of(ed25519), publicKey]).toString("base64")}`;
}

/** Reads a verifier key; null for one that is malformed, or whose id is not that of its name and key. */
export function parseVerifierKey(text: string): VerifierKey | null {
  const [, name = "", id = "", encoded = ""] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? [];
  const bytes = decoded(encoded);
  if (!isKeyName(name) || bytes?.length !== 1 + publicKeyBytes || bytes[0] !== ed25519) return null;
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
  if (at < 0 || !note.endsWith("\n") || !isPlain(note)) return null;
  const text = note.slice(0, at + 1);
  const keys = verifierKeys.map(parseVerifierKey).filter((key) => key !== null);
  const lines = note.slice(at + separator.length, -1).split("\n");
  if (lines.length > maximumSignatures) return null;
  let signed = false;
  for (const line of lines) {
    const { name, encoded = "" } = signatureLine.exec(line)?.groups ?? {};
    const bytes = decoded(encoded);
    if (name === undefined || bytes === null || bytes.length <= keyIdBytes) return null;
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

/** Whether a text is what a note may hold: characters that UTF-8 can say, and no ASCII control but newlines. */
function isPlain(text: string): boolean {
  for (const character of text) if (character < " " && character !== "\n") return false;
  return text.isWellFormed();
}

function isKeyName(name: string): boolean {
  return keyName.test(name) && isPlain(name);
}

function requireKey(name: string, publicKey: Uint8Array): void {
  if (!isKeyName(name) || publicKey.length !== publicKeyBytes) throw new TypeError("not a verifier key");
}

/** Base64 (RFC 4648 §4) of one spelling only: padded, no unused bits. Null for anything else. */
function decoded(encoded: string): Buffer | null {
  const bytes = Buffer.from(encoded, "base64");
  return bytes.toString("base64") === encoded ? bytes : null;
}

/** The first four bytes of SHA-256(name, newline, type, key). */
function keyIdOf(name: string, publicKey: Uint8Array): Uint8Array {
  const hash = createHash("sha256").update(`${name}\n`).update(Uint8Array.of(ed25519)).update(publicKey).digest();
  return Uint8Array.from(hash.subarray(0, keyIdBytes));
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text));
}
