import { useState } from "react";
import { type Highlights, WORDS_MAX } from "../client/highlights";
import { type Announce, type SettingsStore, TEXT_SIZES, type Theme } from "../client/settings";
import { chime } from "../ui/chime";
import { Check, Choice } from "../ui/choice";
import { Field } from "../ui/field";
import { Sheet } from "../ui/sheet";
import { useSignal } from "../ui/use-signal";
import styles from "./settings-sheet.module.css";

const THEMES: readonly { value: Theme; label: string }[] = [
  { value: "system", label: "As the system" },
  { value: "dark", label: "Dark" },
  { value: "light", label: "Light" },
];
const ANNOUNCE: readonly { value: Announce; label: string }[] = [
  { value: "calls", label: "To you" },
  { value: "summary", label: "Counts" },
  { value: "all", label: "All" },
  { value: "off", label: "Nothing" },
];
const EMOTES = [
  { value: "play", label: "Play" },
  { value: "hover", label: "When pointed at" },
] as const;
const SIZE_NAMES = ["Small", "Normal", "Large", "Huge"];

interface Props {
  store: SettingsStore;
  highlights: Highlights;
  onClose: () => void;
}

export function SettingsSheet({ store, highlights, onClose }: Props) {
  const settings = useSignal(store.state);
  return (
    <Sheet title="Settings" onClose={onClose}>
      <div className={styles.settings}>
        <Choice legend="Theme" options={THEMES} value={settings.theme} onChange={(theme) => store.change({ theme })} />
        <Choice
          legend="Chat text"
          options={TEXT_SIZES.map((value, at) => ({ value, label: SIZE_NAMES[at] ?? `${value} px` }))}
          value={settings.textSize}
          onChange={(textSize) => store.change({ textSize })}
        />
        <Check checked={settings.timestamps} onChange={(timestamps) => store.change({ timestamps })}>
          Show the time of each message
        </Check>
        <Check checked={settings.reduceMotion} onChange={(reduceMotion) => store.change({ reduceMotion })}>
          Move less
        </Check>
        <Check
          checked={settings.sound}
          onChange={(sound) => {
            store.change({ sound });
            // Heard at once, and browsers allow sound only after a click like this one.
            if (sound) chime();
          }}
        >
          Sound when someone calls you
        </Check>
        <Words highlights={highlights} />
        <Choice
          legend="Emotes that move"
          options={EMOTES}
          value={settings.emotes}
          onChange={(emotes) => store.change({ emotes })}
        />
        <Choice
          legend="Read out to screen readers"
          options={ANNOUNCE}
          value={settings.announce}
          onChange={(announce) => store.change({ announce })}
        />
        <section className={styles.keys}>
          <h3>Keys</h3>
          <dl>
            <dt>Enter</dt>
            <dd>send</dd>
            <dt>↑ in an empty box</dt>
            <dd>what you sent before</dd>
            <dt>↑ ↓ in the messages</dt>
            <dd>walk them</dd>
            <dt>Tab after a letter</dt>
            <dd>complete a name or an emote</dd>
            <dt>/ in an empty box</dt>
            <dd>commands</dd>
            <dt>: and two letters</dt>
            <dd>find an emote</dd>
            <dt>R, T on a message</dt>
            <dd>reply, thread</dd>
            <dt>O, D on your own message</dt>
            <dd>what you typed, delete</dd>
            <dt>P in the messages</dt>
            <dd>pause, go on</dd>
            <dt>Ctrl K</dt>
            <dd>another room</dd>
            <dt>Esc in the messages</dt>
            <dd>back to the newest</dd>
          </dl>
        </section>
      </div>
    </Sheet>
  );
}

/** Holds as it is typed, so that closing the sheet is enough. */
function Words({ highlights }: { highlights: Highlights }) {
  const [text, setText] = useState(() => highlights.words.getSnapshot().join(", "));
  return (
    <Field
      label="Words to notice"
      autoComplete="off"
      spellCheck={false}
      value={text}
      hint={`Lines with one of these, or with your name, get a star. Commas between them, ${WORDS_MAX} at most. A room's style may have changed a word.`}
      onChange={(event) => {
        setText(event.target.value);
        highlights.write(event.target.value);
      }}
    />
  );
}
