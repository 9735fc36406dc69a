import { type DragEvent, useEffect, useId, useRef, useState } from "react";
import { EMOTE_BYTES_MAX, EMOTE_TYPES } from "../../client/administration";
import { Button } from "../../ui/button";
import { Hint } from "../../ui/hint";
import styles from "./picture-field.module.css";

interface Props {
  picture: File | null;
  disabled: boolean;
  /** What the server says of it. */
  told: string | null;
  onChange: (picture: File | null) => void;
}

/** The size at which chat shows it. */
const SHOWN_PX = 28;

/** Asks for an emote's picture, by choosing or by dropping, and shows what it will look like in a line. */
export function PictureField({ picture, disabled, told, onChange }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const address = useDataAddress(picture);
  const fault = picture === null ? null : (pictureFault(picture) ?? told);

  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file && !disabled) onChange(file);
  };
  useEffect(() => {
    // Otherwise choosing the same file again would be no change.
    if (picture === null && input.current) input.current.value = "";
  }, [picture]);
  const clear = () => {
    input.current?.focus();
    onChange(null);
  };

  return (
    <div className={styles.field}>
      <label htmlFor={id}>Picture</label>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is a shortcut; the input inside does the same by keys. */}
      <div
        className={styles.zone}
        data-over={over || undefined}
        data-wrong={fault !== null || undefined}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <input
          ref={input}
          id={id}
          type="file"
          disabled={disabled}
          accept={EMOTE_TYPES.join()}
          aria-invalid={fault !== null || undefined}
          aria-describedby={`${id}-hint`}
          onChange={(event) => onChange(event.target.files?.[0] ?? null)}
        />
        {picture === null ? (
          <p className={styles.ask}>
            <span className={styles.choose}>Choose a file</span> or drop it here
          </p>
        ) : (
          <>
            {address !== null && fault === null && (
              <span className={styles.previews} aria-hidden="true">
                <img src={address} alt="" width={56} height={56} />
                <span className={styles.line}>
                  like <img src={address} alt="" width={SHOWN_PX} height={SHOWN_PX} /> this
                </span>
              </span>
            )}
            <p className={styles.file}>
              <span className={styles.name}>{picture.name}</span>
              <span className={styles.size}>{sizeText(picture.size)}</span>
            </p>
            <Button kind="quiet" className={styles.clear} disabled={disabled} onClick={clear}>
              Another one
            </Button>
          </>
        )}
      </div>
      <Hint id={`${id}-hint`} wrong={fault} role={fault ? "alert" : undefined}>
        SVG, PNG, GIF or WebP, 256 kB at most. Square ones look best.
      </Hint>
    </div>
  );
}

/** Why the server would not take it; null if it would. */
export function pictureFault(picture: File): string | null {
  if (!EMOTE_TYPES.includes(picture.type)) return "That is no SVG, PNG, GIF or WebP.";
  return picture.size > EMOTE_BYTES_MAX ? `That is ${sizeText(picture.size)}; 256 kB is the most.` : null;
}

export const sizeText = (bytes: number): string =>
  bytes < 1024
    ? `${bytes} B`
    : bytes < 1024 * 1024
      ? `${Math.ceil(bytes / 1024)} kB`
      : `${(bytes / 1024 / 1024).toFixed(1)} MB`;

/** The picture as an address; the page's policy has no `blob:`, and a picture is small. */
function useDataAddress(picture: File | null): string | null {
  const [address, setAddress] = useState<string | null>(null);
  useEffect(() => {
    setAddress(null);
    if (!picture || pictureFault(picture) !== null) return;
    const reader = new FileReader();
    reader.onload = () => setAddress(typeof reader.result === "string" ? reader.result : null);
    reader.readAsDataURL(picture);
    return () => reader.abort();
  }, [picture]);
  return address;
}
