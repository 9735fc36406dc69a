import { DESCRIPTION_MAX, TITLE_MAX } from "../client/administration";
import { Field } from "./field";

interface Props {
  value: string;
  wrong: string | null;
  onChange: (value: string) => void;
}

/** What a room is called, where it is made and where it is changed. */
export function TitleField({ onChange, ...rest }: Props) {
  return (
    <Field
      label="Title"
      required
      autoComplete="off"
      maxLength={TITLE_MAX}
      onChange={(event) => onChange(event.target.value)}
      {...rest}
    />
  );
}

/** The line under a room's title. */
export function DescriptionField({ onChange, ...rest }: Props) {
  return (
    <Field
      label="Description"
      autoComplete="off"
      maxLength={DESCRIPTION_MAX}
      onChange={(event) => onChange(event.target.value)}
      {...rest}
    />
  );
}
