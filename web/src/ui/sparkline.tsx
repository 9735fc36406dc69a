import styles from "./sparkline.module.css";

interface Props {
  samples: readonly number[];
  /** How many samples fill the width; fewer stand at the right end. */
  capacity: number;
  width: number;
  height: number;
}

const MAX_BAR = 3;

/** Bars for a rate over time, newest at the right. For the eye only: the number stands beside it in words. */
export function Sparkline({ samples, capacity, width, height }: Props) {
  const step = width / capacity;
  const top = Math.max(1, ...samples);
  const first = capacity - samples.length;
  return (
    <svg aria-hidden="true" className={styles.line} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none">
      <rect x={0} y={height - 1} width={width} height={1} className={styles.base} />
      {samples.map((sample, at) => {
        const bar = (sample / top) * (height - 1);
        const x = (first + at) * step;
        return (
          <rect
            // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its place.
            key={at}
            x={x}
            y={height - bar}
            width={Math.min(MAX_BAR, Math.max(1, step - 1))}
            height={bar}
            className={styles.bar}
          />
        );
      })}
    </svg>
  );
}
