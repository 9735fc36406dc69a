import { type FormEvent, useCallback, useEffect, useState } from "react";
import { leads, type RoomModeration, type Seat } from "../../client/room-moderation";
import type { Toasts } from "../../client/toasts";
import type { BannedUser, Role, RoomRole } from "../../protocol/__generated__/protocol";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { Problem } from "../../ui/problem";
import { useWork } from "../../ui/use-work";
import styles from "./moderation.module.css";
import { atTime, ROLE_NAMES } from "./words";

interface Props {
  moderation: RoomModeration;
  toasts: Toasts;
  role: Role;
  onPerson: (username: string) => void;
}

/** Who is what here, who may not write, and someone's card by their name. */
export function PeopleTab({ moderation, toasts, role, onPerson }: Props) {
  const [roles, setRoles] = useState<readonly RoomRole[] | null>(null);
  const [bans, setBans] = useState<readonly BannedUser[] | null>(null);
  const [after, setAfter] = useState<string | null>(null);
  const [name, setName] = useState("");
  const { busy, problem, work } = useWork();

  const load = useCallback(async () => {
    const [people, banned] = await Promise.all([moderation.roles(), moderation.bans(null)]);
    setRoles(people);
    setBans(banned.bans);
    setAfter(banned.next_after);
  }, [moderation]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each room.
  useEffect(() => {
    void work(load);
  }, [load]);

  const username = name.trim().replace(/^@/, "").toLowerCase();
  const seat = async (place: Seat, whom: string, given: boolean) => {
    if (!(await work(() => moderation.seat(place, whom, given)))) return;
    setName("");
    await work(load);
  };
  const unban = async (whom: string) => {
    if (!(await work(() => moderation.unban(whom)))) return;
    toasts.say(`@${whom} may write again`);
    await work(load);
  };
  const more = () =>
    work(async () => {
      const page = await moderation.bans(after);
      setBans((known) => [...(known ?? []), ...page.bans]);
      setAfter(page.next_after);
    });
  const look = (event: FormEvent) => {
    event.preventDefault();
    if (username !== "") onPerson(username);
  };

  return (
    <>
      <form className={styles.form} onSubmit={look}>
        <Field
          label="Someone's name"
          value={name}
          maxLength={26}
          autoComplete="off"
          spellCheck={false}
          autoCapitalize="none"
          onChange={(event) => setName(event.target.value)}
        />
        <div className={styles.row}>
          <Button type="submit" disabled={username === ""}>
            Show the card
          </Button>
          {leads(role) && (
            <>
              <Button disabled={busy || username === ""} onClick={() => void seat("moderators", username, true)}>
                Make moderator
              </Button>
              <Button disabled={busy || username === ""} onClick={() => void seat("vips", username, true)}>
                Make VIP
              </Button>
            </>
          )}
          {role === "admin" && (
            <Button disabled={busy || username === ""} onClick={() => void seat("broadcaster", username, true)}>
              Give the room to them
            </Button>
          )}
        </div>
      </form>
      <Problem text={problem} />
      <section>
        <h3 className={styles.heading}>Roles</h3>
        {roles?.length === 0 && <p className={styles.note}>Nobody is more than a viewer here yet.</p>}
        <ul className={styles.people}>
          {roles?.map(({ user, role: theirs }) => (
            <li key={user.id}>
              <button type="button" className={styles.person} onClick={() => onPerson(user.username)}>
                <bdi>@{user.username}</bdi>
              </button>
              <span className={styles.detail}>{ROLE_NAMES[theirs]}</span>
              {leads(role) && (theirs === "moderator" || theirs === "vip") && (
                <Button
                  kind="quiet"
                  disabled={busy}
                  aria-label={`Take the role of ${user.username}`}
                  onClick={() => void seat(theirs === "vip" ? "vips" : "moderators", user.username, false)}
                >
                  Take
                </Button>
              )}
            </li>
          ))}
        </ul>
      </section>
      <section>
        <h3 className={styles.heading}>May not write</h3>
        {bans?.length === 0 && <p className={styles.note}>Everyone may write here.</p>}
        <ul className={styles.people}>
          {bans?.map((ban) => (
            <li key={ban.user.id}>
              <button type="button" className={styles.person} onClick={() => onPerson(ban.user.username)}>
                <bdi>@{ban.user.username}</bdi>
              </button>
              <span className={styles.detail}>
                {ban.until === null ? "for ever" : `until ${atTime(ban.until)}`}, by @{ban.by}
                {ban.reason && (
                  <>
                    : <bdi>{ban.reason}</bdi>
                  </>
                )}
              </span>
              <Button
                kind="quiet"
                disabled={busy}
                aria-label={`Lift the ban of ${ban.user.username}`}
                onClick={() => void unban(ban.user.username)}
              >
                Lift
              </Button>
            </li>
          ))}
        </ul>
        {after !== null && (
          <Button disabled={busy} onClick={() => void more()}>
            More
          </Button>
        )}
      </section>
    </>
  );
}
