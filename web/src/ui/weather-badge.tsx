import styles from "./weather-badge.module.css";

const LEVELS = { calm: 1, breezy: 2, busy: 3, storm: 4 } as const;

/** How fast a room is, as a word and as bars. */
export function WeatherBadge({ weather }: { weather: keyof typeof LEVELS }) {
  return (
    <span className={styles.badge} data-weather={weather}>
      <svg aria-hidden="true" width={16} height={12} viewBox="0 0 16 12">
        {[1, 2, 3, 4].map((level) => (
          <rect
            key={level}
            x={(level - 1) * 4}
            y={12 - level * 3}
            width={2.5}
            height={level * 3}
            rx={0.75}
            className={level <= LEVELS[weather] ? styles.on : styles.off}
          />
        ))}
      </svg>
      {weather}
    </span>
  );
}
