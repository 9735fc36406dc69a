import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import type { EmoteBook } from "../../client/emote-book";
import type { EmoteTaste } from "../../client/emote-taste";
import type { Emote } from "../../protocol/__generated__/protocol";
import { IconButton } from "../../ui/button";
import { EmoteImage } from "../../ui/emote-image";
import { Icon } from "../../ui/icon";
import { useSignal } from "../../ui/use-signal";
import styles from "./emote-picker.module.css";

const COLUMNS = 7;
const SIZE = 32;
/** More than this at once would make the page crawl; the rest is found by a few letters. */
const SHOWN_MAX = 280;

interface Props {
  book: EmoteBook;
  taste: EmoteTaste;
  onPick: (name: string) => void;
  onClose: () => void;
}

interface Part {
  title: string;
  emotes: readonly Emote[];
}

/** All emotes of a room over the message box: liked, lately used and all in one scroll, found by a few letters. */
export function EmotePicker({ book, taste, onPick, onClose }: Props) {
  const pages = useSignal(book.pages);
  const liking = useSignal(taste.state);
  const [search, setSearch] = useState("");
  const [near, setNear] = useState<Emote | null>(null);
  const top = useRef<HTMLElement>(null);

  useEffect(() => {
    void book.open();
    // On a phone the keyboard would cover what one came for.
    if (matchMedia("(hover: hover)").matches) top.current?.querySelector("input")?.focus();
  }, [book]);

  const emotes = pages.kind === "open" ? pages.emotes : [];
  const parts = useMemo((): Part[] => {
    const part = search.trim();
    if (part !== "") return [{ title: "Found", emotes: taste.ranked(emotes, part, SHOWN_MAX) }];
    const named = (names: readonly string[]) =>
      names.map((name) => emotes.find((emote) => emote.name === name)).filter((emote) => emote !== undefined);
    return [
      { title: "Liked", emotes: named(liking.favourites) },
      { title: "Lately used", emotes: named(liking.recent) },
      { title: "All", emotes: emotes.slice(0, SHOWN_MAX) },
    ].filter(({ title, emotes: some }) => some.length > 0 || title === "All");
  }, [emotes, liking, search, taste]);
  const shown = parts.at(-1)?.emotes.length ?? 0;
  const hidden = search.trim() === "" ? emotes.length - shown : 0;

  const buttons = () => [...(top.current?.querySelectorAll<HTMLElement>("[data-emote]") ?? [])];
  const like = (emote: Emote) => taste.favour(emote.name, !liking.favourites.includes(emote.name));

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.key === "Escape") {
      event.preventDefault();
      onClose();
      return;
    }
    const at = buttons().indexOf(event.target as HTMLElement);
    if (at < 0) {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      buttons()[0]?.focus();
      return;
    }
    if (event.key === "f" || event.key === "F") {
      event.preventDefault();
      const emote = book.named((event.target as HTMLElement).dataset.emote ?? "");
      if (emote) like(emote);
      return;
    }
    const next = neighbour(event.target as HTMLElement, event.key, buttons(), at);
    if (next === undefined) return;
    event.preventDefault();
    if (next) next.focus();
    else top.current?.querySelector("input")?.focus();
  };

  return (
    <section ref={top} className={styles.picker} role="dialog" aria-label="Emotes" onKeyDown={onKeyDown}>
      <div className={styles.head}>
        <input
          type="search"
          aria-label="Find an emote"
          placeholder="Find an emote"
          autoComplete="off"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
          onKeyDown={(event) => {
            // Of the form around it, which would send the line.
            if (event.key === "Enter") {
              event.preventDefault();
              const first = parts[0]?.emotes[0];
              if (first && search.trim() !== "") onPick(first.name);
            }
          }}
        />
        <IconButton label="Close the emotes" onClick={onClose}>
          <Icon name="close" />
        </IconButton>
      </div>
      <div className={styles.scroll}>
        {pages.kind === "failed" && (
          <p className={styles.note} role="alert">
            The emotes could not be loaded.{" "}
            <button type="button" onClick={() => void book.retry()}>
              Try again
            </button>
          </p>
        )}
        {pages.kind === "open" && emotes.length === 0 && <p className={styles.note}>This room has no emotes yet.</p>}
        {search.trim() !== "" && shown === 0 && pages.kind === "open" && (
          <p className={styles.note}>
            No emote is called “<bdi>{search.trim()}</bdi>”.{" "}
            <button type="button" onClick={() => setSearch("")}>
              Show all
            </button>
          </p>
        )}
        {parts.map(
          (part) =>
            part.emotes.length > 0 && (
              <Grid key={part.title} part={part} onNear={setNear} onPick={onPick} liked={liking.favourites} />
            ),
        )}
        {hidden > 0 && <p className={styles.note}>{hidden} more are found by their names.</p>}
      </div>
      <div className={styles.foot}>
        {near ? (
          <>
            <span className={styles.nearName}>{near.name}</span>
            <IconButton
              label={liking.favourites.includes(near.name) ? `Like ${near.name} no longer` : `Like ${near.name}`}
              aria-pressed={liking.favourites.includes(near.name)}
              onClick={() => like(near)}
            >
              <Icon name="star" size={16} />
            </IconButton>
          </>
        ) : (
          <span className={styles.hint}>F likes the one that has the focus.</span>
        )}
      </div>
    </section>
  );
}

interface GridProps {
  part: Part;
  liked: readonly string[];
  onNear: (emote: Emote) => void;
  onPick: (name: string) => void;
}

function Grid({ part, liked, onNear, onPick }: GridProps) {
  const rows = Array.from({ length: Math.ceil(part.emotes.length / COLUMNS) }, (_, at) =>
    part.emotes.slice(at * COLUMNS, (at + 1) * COLUMNS),
  );
  return (
    <>
      <h2 className={styles.title}>{part.title}</h2>
      {/* biome-ignore lint/a11y/useSemanticElements: a grid to walk by arrows, not a table to read. */}
      <div role="grid" aria-label={part.title} className={styles.grid}>
        {rows.map((row, line) => (
          // biome-ignore lint/a11y/useFocusableInteractive lint/a11y/useSemanticElements: its buttons take the focus.
          <div key={row[0]?.id ?? line} role="row" className={styles.row}>
            {row.map((emote, column) => (
              // biome-ignore lint/a11y/useFocusableInteractive lint/a11y/useSemanticElements: as above.
              <div key={emote.name} role="gridcell">
                <button
                  type="button"
                  data-emote={emote.name}
                  data-liked={liked.includes(emote.name) || undefined}
                  aria-label={emote.name}
                  title={emote.name}
                  tabIndex={line === 0 && column === 0 ? 0 : -1}
                  onPointerEnter={() => onNear(emote)}
                  onFocus={() => onNear(emote)}
                  onClick={() => onPick(emote.name)}
                >
                  <EmoteImage id={emote.id} name={emote.name} size={SIZE} />
                </button>
              </div>
            ))}
          </div>
        ))}
      </div>
    </>
  );
}

/** Where an arrow leads: a button, null for the search box above, or undefined where the key is not one of them. */
function neighbour(
  from: HTMLElement,
  key: string,
  all: readonly HTMLElement[],
  at: number,
): HTMLElement | null | undefined {
  if (key === "ArrowRight") return all[at + 1] ?? from;
  if (key === "ArrowLeft") return all[at - 1] ?? null;
  if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
  const rows = [...new Set(all.map((one) => one.closest('[role="row"]')))];
  const row = from.closest('[role="row"]');
  const column = [...(row?.querySelectorAll("[data-emote]") ?? [])].indexOf(from);
  const next = rows[rows.indexOf(row) + (key === "ArrowDown" ? 1 : -1)];
  if (!next) return key === "ArrowUp" ? null : from;
  const cells = [...next.querySelectorAll<HTMLElement>("[data-emote]")];
  return cells[Math.min(column, cells.length - 1)] ?? from;
}
