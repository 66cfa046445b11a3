/** A proxied path as the audit log names it. */
export interface PathTemplate {
  /** The path with `{id}` for every segment that names one thing among many. */
  readonly template: string;
  /** The last word of the path that is no id; "api" for a path without one. */
  readonly resourceType: string;
  /** The last id, if it looks like one and like nothing else. */
  readonly resourceId: string | null;
}

/** Words of a path: lower case, short, without digits but for a version. What is not one is taken for an id. */
const word = /^(?:v\d{1,3}|[a-z]{1,32}(?:[-_.][a-z]{1,32}){0,3})$/i;

/** Ids that may stand in the log in the clear: numbers, UUIDs, TypeIDs and the like. An address or a name does not fit. */
const plainId = /^(?=.*\d)[A-Za-z0-9_-]{1,64}$/;

/** Segments of a template; what is deeper is cut off. */
const maximumSegments = 8;

/**
 * The template of a path that no contract describes, so that records can be counted by what was done and hold no personal data by
 * accident: only words are kept as they are.
 */
export function templateOf(pathname: string): PathTemplate {
  const segments = pathname.split("/").filter((segment) => segment !== "");
  const shown = segments.slice(0, maximumSegments);
  const words = shown.map((segment) => (word.test(segment) ? segment : null));
  const ids = shown.filter((_, at) => words[at] === null);
  const last = ids.at(-1);
  const more = segments.length > maximumSegments ? "/…" : "";
  return {
    template: `/${words.map((found) => found ?? "{id}").join("/")}${more}`.slice(0, 240),
    resourceType: (words.findLast((found) => found !== null) ?? "api").slice(0, 64),
    resourceId: last !== undefined && plainId.test(last) ? last : null,
  };
}
