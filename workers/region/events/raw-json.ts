/**
 * The source text of a member of a JSON object, byte for byte as it was sent; of several of the same name the last, as `JSON.parse` has it.
 * `text` must be JSON that `JSON.parse` takes, an object. Null if it has no such member. No recursion: depth costs nothing.
 */
export function rawMember(text: string, name: string): string | null {
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  let found: string | null = null;
  while (text[at] === '"') {
    const keyEnd = endOfString(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = endOfValue(text, start);
    if (key === name) found = text.slice(start, end);
    at = skipSpace(text, skipSpace(text, end) + 1);
  }
  return found;
}

/** The source text of each element of a JSON array, in order. `text` must be JSON that `JSON.parse` takes, an array. */
export function rawElements(text: string): string[] {
  const found: string[] = [];
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  while (text[at] !== "]") {
    const end = endOfValue(text, at);
    found.push(text.slice(at, end));
    const next = skipSpace(text, end);
    at = text[next] === "," ? skipSpace(text, next + 1) : next;
  }
  return found;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at += 1;
  return at;
}

/** The place after a string that begins at `from`. */
function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** The place after a value that begins at `from`: a string, what is in brackets, or a word or number. */
function endOfValue(text: string, from: number): number {
  let at = from;
  let depth = 0;
  for (;;) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === "{" || char === "[") {
      depth += 1;
      at += 1;
    } else if (char === "}" || char === "]") {
      depth -= 1;
      at += 1;
    } else if (depth === 0) return endOfWord(text, at);
    else at += 1;
    if (depth === 0) return at;
  }
}

function endOfWord(text: string, from: number): number {
  let at = from;
  while (at < text.length && !/[\s,}\]]/.test(text[at] ?? "")) at += 1;
  return at;
}
