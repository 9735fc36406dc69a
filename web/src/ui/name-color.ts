/**
 * Makes the colour a person chose readable without making it another colour: hue and, where sRGB allows, chroma stay
 * (in OKLCH), lightness moves just far enough. Measured against the worst row a name can stand on, not the best.
 */
export const WORST_ROW = { dark: "#372D23", light: "#FFEECD" } as const;
export type Scheme = keyof typeof WORST_ROW;

const CONTRAST = 4.5;
const CACHE_MAX = 2_000;
const FALLBACK = "#808080";

type Rgb = [number, number, number];
interface Lch {
  l: number;
  a: number;
  b: number;
}

const cache = new Map<string, string>();

export function readableNameColor(color: string, scheme: Scheme): string {
  const key = `${scheme}${color}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  if (cache.size >= CACHE_MAX) cache.clear();
  const result = adjust(/^#[0-9a-f]{6}$/i.test(color) ? color : FALLBACK, scheme);
  cache.set(key, result);
  return result;
}

export function contrast(one: string, other: string): number {
  const [a, b] = [luminance(parse(one)), luminance(parse(other))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function adjust(color: string, scheme: Scheme): string {
  const row = WORST_ROW[scheme];
  if (contrast(color, row) >= CONTRAST) return color.toUpperCase();
  const from = toOklab(parse(color));
  let fails = from.l;
  let passes = scheme === "dark" ? 1 : 0;
  let best = scheme === "dark" ? "#FFFFFF" : "#000000";
  for (let step = 0; step < 24; step++) {
    const middle = (fails + passes) / 2;
    const candidate = format(fitted({ ...from, l: middle }));
    if (contrast(candidate, row) >= CONTRAST) {
      passes = middle;
      best = candidate;
    } else fails = middle;
  }
  return best;
}

/** The same hue and lightness with as much of the chroma as sRGB has. */
function fitted(color: Lch): Rgb {
  const whole = toLinear(color);
  if (inside(whole)) return whole;
  let low = 0;
  let high = 1;
  for (let step = 0; step < 20; step++) {
    const part = (low + high) / 2;
    if (inside(toLinear({ l: color.l, a: color.a * part, b: color.b * part }))) low = part;
    else high = part;
  }
  return toLinear({ l: color.l, a: color.a * low, b: color.b * low });
}

const inside = (rgb: Rgb): boolean => rgb.every((channel) => channel >= -0.0005 && channel <= 1.0005);

function parse(color: string): Rgb {
  const value = Number.parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255].map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
}

function format(linear: Rgb): string {
  const channels = linear.map((part) => {
    const clipped = Math.min(1, Math.max(0, part));
    const encoded = clipped <= 0.0031308 ? clipped * 12.92 : 1.055 * clipped ** (1 / 2.4) - 0.055;
    return Math.round(encoded * 255)
      .toString(16)
      .padStart(2, "0");
  });
  return `#${channels.join("")}`.toUpperCase();
}

const luminance = ([r, g, b]: Rgb): number => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function toOklab([r, g, b]: Rgb): Lch {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {
    l: 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    a: 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    b: 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  };
}

function toLinear({ l, a, b }: Lch): Rgb {
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
}
