const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** How many Base62 digits hold any value of `bytes` bytes. */
export function base62Length(bytes: number): number {
  return Math.ceil((bytes * 8) / Math.log2(62));
}

/** `bytes` as a big-endian number in Base62 (0-9 A-Z a-z), left-padded to a fixed width, so that fields can be cut by offset. */
export function encodeBase62(bytes: Uint8Array): string {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  let text = "";
  for (let place = base62Length(bytes.length); place > 0; place--) {
    text = alphabet.charAt(Number(value % 62n)) + text;
    value /= 62n;
  }
  return text;
}

/** The inverse of `encodeBase62`; null for a foreign digit or a value that does not fit in `length` bytes. */
export function decodeBase62(text: string, length: number): Uint8Array<ArrayBuffer> | null {
  let value = 0n;
  for (const digit of text) {
    const place = alphabet.indexOf(digit);
    if (place < 0) return null;
    value = value * 62n + BigInt(place);
  }
  const bytes = new Uint8Array(length);
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = Number(value & 255n);
    value >>= 8n;
  }
  return value === 0n ? bytes : null;
}
