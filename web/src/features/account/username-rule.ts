const LETTERS_MIN = 3;
const LETTERS_MAX = 25;
export const PASSWORD_MIN = 8;

export const USERNAME_HINT = "3 to 25 letters: a–z, 0–9 and _.";

/** What is wrong with a name so far; null while nothing is. A short one is only unfinished until one leaves the box. */
export function usernameFault(name: string, finished: boolean): string | null {
  const odd = [...name].find((letter) => !/[A-Za-z0-9_]/.test(letter));
  if (odd !== undefined)
    return odd.trim() === "" ? "A name has no spaces. Try _ instead." : `“${odd}” can't be in a name. ${USERNAME_HINT}`;
  if (name.length > LETTERS_MAX) return `That is ${name.length - LETTERS_MAX} too long. 25 letters is the most.`;
  if (finished && name.length < LETTERS_MIN)
    return `${LETTERS_MIN - name.length} more needed. A name has at least 3 letters.`;
  return null;
}

export function passwordFault(password: string, finished: boolean): string | null {
  const missing = PASSWORD_MIN - [...password].length;
  if (finished && missing > 0) return `${missing} more needed. A password has at least 8 letters.`;
  return null;
}

/** A rough word for how hard a password is to guess: length first, a mix of kinds next. Advice, not a rule. */
export function passwordStrength(password: string): "short" | "fair" | "good" | "strong" {
  const letters = [...password];
  if (letters.length < PASSWORD_MIN) return "short";
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  const distinct = new Set(letters).size;
  const score = letters.length + 2 * kinds - (distinct < letters.length / 2 ? 8 : 0);
  if (score < 13) return "fair";
  return score < 20 ? "good" : "strong";
}

/** What is said under a box for a new password. */
export function strengthHint(password: string): string {
  if (password === "") return "At least 8 letters. Several words make a good one.";
  const strength = passwordStrength(password);
  return strength === "short" ? "At least 8 letters." : `Strength: ${strength}.`;
}
