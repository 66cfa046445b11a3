import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from "node:crypto";

/** scrypt's parameters: N = 2^logN. OWASP's set that fits in 128 MB (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). */
export interface ScryptParameters {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** What new hashes are made with. */
export const currentParameters: ScryptParameters = { logN: 14, r: 8, p: 5 };

const hashBytes = 32;
const saltBytes = 16;

/** A hash of a password in PHC string form, `$scrypt$ln=14,r=8,p=5$<salt>$<hash>` (RFC 7914 scrypt). */
export async function hashPassword(password: string, parameters = currentParameters): Promise<string> {
  const salt = randomBytes(saltBytes);
  return format(parameters, salt, await derive(password, salt, parameters));
}

/**
 * Whether `password` is the one of `stored`, in constant time, and whether it should be hashed anew. With `stored` null (nobody by
 * that name) it works as long as for somebody, and says no.
 */
export async function verifyPassword(
  password: string,
  stored: string | null,
): Promise<{ readonly ok: boolean; readonly outdated: boolean }> {
  const { parameters, salt, hash } = parse(stored ?? nobody);
  const given = await derive(password, salt, parameters);
  const ok = timingSafeEqual(given, hash) && stored !== null;
  const { logN, r, p } = currentParameters;
  return { ok, outdated: parameters.logN !== logN || parameters.r !== r || parameters.p !== p };
}

/** A hash that no password has: all zeros. */
const nobody = format(currentParameters, Buffer.alloc(saltBytes), Buffer.alloc(hashBytes));

function derive(password: string, salt: Buffer, { logN, r, p }: ScryptParameters): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFKC"), salt, hashBytes, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

function format({ logN, r, p }: ScryptParameters, salt: Buffer, hash: Buffer): string {
  return `$scrypt$ln=${logN},r=${r},p=${p}$${encode(salt)}$${encode(hash)}`;
}

function parse(stored: string): { parameters: ScryptParameters; salt: Buffer; hash: Buffer } {
  const match = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(stored);
  if (match === null) throw new Error("a stored password hash is not in PHC string form");
  const [, logN, r, p, salt = "", hash = ""] = match;
  return {
    parameters: { logN: Number(logN), r: Number(r), p: Number(p) },
    salt: Buffer.from(salt, "base64"),
    hash: Buffer.from(hash, "base64"),
  };
}

/** Base64 without padding, as PHC strings have it. */
function encode(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
