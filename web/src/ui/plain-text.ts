/**
 * What a screen reader should read for styled text: letters in mathematical or enclosed form become plain ones,
 * stacked marks go, and a run of one emoji is named once.
 */
export function plainForReaders(text: string): string {
  const letters = text
    .normalize("NFKC")
    .normalize("NFD")
    // One or two marks are how many languages write; a tower of them is decoration.
    .replace(/(\p{M}{2})\p{M}+/gu, "$1")
    .normalize("NFC");
  return letters.replace(/(\p{Extended_Pictographic}\uFE0F?)\1+/gu, "$1");
}
