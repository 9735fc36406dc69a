import { type ComponentProps, useState } from "react";
import { Field } from "../../ui/field";
import { Sheet } from "../../ui/sheet";
import { useSignal } from "../../ui/use-signal";
import { openRooms, RoomsRail, roomsNamed } from "./rooms-rail";

interface Props extends Omit<ComponentProps<typeof RoomsRail>, "form" | "filter" | "currentViewers"> {
  onClose: () => void;
}

/** All rooms, found by a few letters of their name. */
export function RoomSwitcher({ onClose, ...rail }: Props) {
  const [filter, setFilter] = useState("");
  const state = useSignal(rail.directory.state);
  const found = state.kind === "ready" ? roomsNamed(openRooms(state.rooms, rail.current), filter) : [];
  const enter = (slug: string) => {
    onClose();
    rail.onEnter(slug);
  };
  return (
    <Sheet title="Rooms" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          // The room one is in is not where one wants to go, unless it is the only one.
          const first = found.find((room) => room.slug !== rail.current) ?? found[0];
          if (first) enter(first.slug);
        }}
      >
        <Field
          label="Find a room"
          type="search"
          autoComplete="off"
          autoFocus={matchMedia("(hover: hover)").matches}
          value={filter}
          hint={found.length === 0 && filter !== "" ? `No room is called “${filter}”.` : ""}
          onChange={(event) => setFilter(event.target.value)}
        />
      </form>
      <RoomsRail {...rail} form="list" filter={filter} onEnter={enter} />
    </Sheet>
  );
}
