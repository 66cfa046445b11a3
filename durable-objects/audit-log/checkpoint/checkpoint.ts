/** What a log says of itself at one moment: its name, how many leaves it has, and their root. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Bytes of a root. */
const rootBytes = 32;

/**
 * The text of a checkpoint, to be signed (https://c2sp.org/tlog-checkpoint). Throws a TypeError for one that would not be read back as
 * it is: nothing may be signed whose origin brings lines of its own.
 */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  const text = `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
  if (parseCheckpoint(text)?.origin !== origin) throw new TypeError("not a checkpoint");
  return text;
}

/** Reads the text of a checkpoint; extension lines are passed over. Null for one that is malformed. */
export function parseCheckpoint(text: string): Checkpoint | null {
  const [origin = "", size = "", encoded = "", ...rest] = text.split("\n");
  // The text ends with a newline, and no line before it is empty.
  if (rest.pop() !== "" || rest.includes("") || origin === "") return null;
  if (!/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) return null;
  const root = Buffer.from(encoded, "base64");
  if (root.length !== rootBytes || root.toString("base64") !== encoded) return null;
  return { origin, size: Number(size), root: Uint8Array.from(root) };
}
