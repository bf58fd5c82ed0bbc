// Let machines join, or take a dead device's place: the command, with a key that expires.
import type { TargetedEvent } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { act } from "./api";
import { Do, Field, text } from "./dialog";
import { useLive, useNow } from "./live";
import { attempt, copy } from "./messages";
import { Cell, Head, Row, Table } from "./parts";
import { moment, span } from "./words";

interface Invitation {
  command: string;
  expires_at: string;
}

export function Join() {
  const { devices, invitations } = useLive();
  const now = useNow();
  const [invitation, setInvitation] = useState<Invitation | null>(null);
  const away = [...devices.values()].filter((device) => device.state !== "online");
  async function ask(event: TargetedEvent<HTMLFormElement>, action: string, of: (form: FormData) => object) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setInvitation(await act(action, { ...of(form), hours: Number(text(form, "hours")) }));
  }
  return (
    <section>
      <header class="title">
        <h1 tabIndex={-1}>Join</h1>
        <p class="quiet">A plain Debian or Raspberry Pi OS with Docker becomes a device by one command.</p>
      </header>
      {invitation && <Command invitation={invitation} />}
      <div class="halves">
        <form onSubmit={(event) => void attempt(ask(event, "invite", (form) => ({ name: text(form, "name").trim() })))}>
          <h2>A new device</h2>
          <Field label="Name" hint="without one, any machine may join while the key is good">
            <input name="name" maxlength={60} autocomplete="off" />
          </Field>
          <Hours />
          <p class="buttons"><button type="submit" class="main">Show the command</button></p>
        </form>
        <form onSubmit={(event) => void attempt(ask(event, "replace", (form) => ({ device: text(form, "device") })))}>
          <h2>In a device's place</h2>
          <Field label="Device that is offline" hint="a new card takes over its name, variables, tags and pin">
            <select name="device" required disabled={!away.length}>
              {!away.length && <option>no device is offline</option>}
              {away.map((device) => <option key={device.uuid} value={device.uuid}>{device.name}</option>)}
            </select>
          </Field>
          <Hours />
          <p class="buttons"><button type="submit" disabled={!away.length}>Show the command</button></p>
        </form>
      </div>
      {invitations.length > 0 && (
        <section aria-labelledby="keys">
          <h2 id="keys">Keys that are good</h2>
          <Table columns={["Name", "Expires", ""]} label="Keys that are good" class="blocks">
            {invitations.map(({ name, expires_at }) => (
              <Row key={name}>
                <Head>{name}</Head>
                <Cell name="expires" class="quiet">{expires_at ? `in ${span((Date.parse(expires_at) - now) / 1000)}` : "never"}</Cell>
                <Cell class="acts"><Do name="take_back" body={{ invitation: name }} class="small" label={`take back ${name}`}>Take back</Do></Cell>
              </Row>
            ))}
          </Table>
        </section>
      )}
    </section>
  );
}

function Hours() {
  return <Field label="Good for (hours)"><input name="hours" type="number" min="0.1" max="1000" step="any" defaultValue="24" required /></Field>;
}

function Command({ invitation }: { invitation: Invitation }) {
  const now = useNow();
  const command = useRef<HTMLPreElement>(null);
  useEffect(() => command.current?.focus(), [invitation]);
  const left = (Date.parse(invitation.expires_at) - now) / 1000;
  return (
    <div class="command" role="status">
      <p>
        {left > 0 ? <>Within {span(left + 60)}, on the new device:</> : <>This key has expired.</>}
        <button type="button" class="small" onClick={() => void copy(invitation.command)}>Copy</button>
      </p>
      <pre ref={command} tabIndex={0} aria-label="Command">{invitation.command}</pre>
      <p class="quiet">It is shown this once; the key is good until {moment(invitation.expires_at)}.</p>
    </div>
  );
}
