import { useEffect, useRef, useState } from "react";
import styles from "./emote-image.module.css";
import { motion } from "./emote-motion";
import { useSignal, useSignalPart } from "./use-signal";

interface Props {
  id: string;
  name: string;
  /** CSS pixels; always said, so that a late picture moves nothing. */
  size: number;
  /** A stop for those who walk a line by Tab. */
  stop?: boolean;
}

export const emoteAddress = (id: string): string => `/emotes/${encodeURIComponent(id)}`;

/** An emote's picture, or its name where there is none. One that moves stands still where movement is not wanted. */
export function EmoteImage({ id, name, size, stop = false }: Props) {
  const moves = useSignalPart(motion.moving, (moving) => moving.has(id));
  const still = useSignal(motion.still) && moves;
  const [failed, setFailed] = useState(false);
  const [near, setNear] = useState(false);
  if (failed) return <span className={styles.missing}>{name}</span>;
  const picture =
    still && !near ? (
      <StillImage id={id} name={name} size={size} onNear={() => setNear(true)} onFailed={() => setFailed(true)} />
    ) : (
      <img
        className={styles.emote}
        src={emoteAddress(id)}
        alt={name}
        title={name}
        width={size}
        height={size}
        draggable={false}
        decoding="async"
        onError={() => setFailed(true)}
        onPointerLeave={() => setNear(false)}
      />
    );
  if (!stop) return picture;
  return (
    // Who walks by Tab is told its name beside it, as a pointer is.
    <span className={styles.stop} data-stop data-name={name} tabIndex={-1}>
      {picture}
    </span>
  );
}

interface StillProps {
  id: string;
  name: string;
  size: number;
  onNear: () => void;
  onFailed: () => void;
}

/** The first picture of a moving emote; it plays while pointed at. */
function StillImage({ id, name, size, onNear, onFailed }: StillProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const failed = useRef(onFailed);
  failed.current = onFailed;
  useEffect(() => {
    const image = new Image(size, size);
    image.onload = () => {
      const context = canvas.current?.getContext("2d");
      if (!context || !canvas.current) return;
      const side = canvas.current.width;
      const { naturalWidth: wide, naturalHeight: high } = image;
      const scale = side / Math.max(wide || side, high || side);
      const [width, height] = [(wide || side) * scale, (high || side) * scale];
      context.drawImage(image, (side - width) / 2, (side - height) / 2, width, height);
    };
    image.onerror = () => failed.current();
    image.src = emoteAddress(id);
    return () => {
      image.onload = null;
      image.onerror = null;
    };
  }, [id, size]);
  return (
    <canvas
      ref={canvas}
      className={styles.emote}
      style={{ width: size, height: size }}
      width={size * 2}
      height={size * 2}
      role="img"
      aria-label={name}
      title={name}
      onPointerEnter={onNear}
    />
  );
}
