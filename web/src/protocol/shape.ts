/**
 * Reads what came from outside field by field. A reader returns `undefined` for anything that is not of its shape;
 * fields it does not ask for are ignored, so that a newer server may add some.
 */
export type Shape<T> = (value: unknown) => T | undefined;

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const text: Shape<string> = (value) => (typeof value === "string" ? value : undefined);
export const flag: Shape<boolean> = (value) => (typeof value === "boolean" ? value : undefined);
export const finite: Shape<number> = (value) =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined;
export const decimal: Shape<string> = (value) =>
  typeof value === "string" && /^(0|[1-9][0-9]{0,19})$/.test(value) ? value : undefined;

export const nullable =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value) =>
    value === null ? null : shape(value);

/** Missing and null both give the fallback; something malformed stays malformed. */
export const withDefault =
  <T>(shape: Shape<T>, fallback: T): Shape<T> =>
  (value) =>
    value === undefined || value === null ? fallback : shape(value);

/** A list whose malformed members are left out: one bad message must not cost the others. */
export const listOf =
  <T>(shape: Shape<T>): Shape<T[]> =>
  (value) => {
    if (!Array.isArray(value)) return undefined;
    return value.map(shape).filter((item): item is NonNullable<typeof item> => item !== undefined) as T[];
  };

export function record<T extends object>(shapes: { [K in keyof T]: Shape<T[K]> }): Shape<T> {
  const fields = Object.entries(shapes) as [string, Shape<unknown>][];
  return (value) => {
    if (!isRecord(value)) return undefined;
    const result: Record<string, unknown> = {};
    for (const [name, shape] of fields) {
      const field = shape(value[name]);
      if (field === undefined) return undefined;
      result[name] = field;
    }
    return result as T;
  };
}

export const oneOf =
  <T extends string>(...words: readonly T[]): Shape<T> =>
  (value) =>
    words.includes(value as T) ? (value as T) : undefined;
