// Tables, dialogs, messages, and what else the views are made of.
import type { ComponentChildren, TargetedEvent } from "preact";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { act, Refusal } from "./api";
import type { Device, Named } from "./live";
import { printable } from "./words";

// --- Messages: what the server said of what was done, or why not.

interface Message {
  id: number;
  text: string;
  isWrong: boolean;
}

const SHOWN_MS = 8_000;
let messages: Message[] = [];
let drawMessages = () => {};
let last = 0;

export function say(text: string, isWrong = false): void {
  const id = ++last;
  messages = [...messages.slice(-2), { id, text, isWrong }];
  drawMessages();
  if (!isWrong) setTimeout(() => dismiss(id), SHOWN_MS);
}

function dismiss(id: number): void {
  messages = messages.filter((message) => message.id !== id);
  drawMessages();
}

export function Messages() {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  drawMessages = () => draw(null);
  return (
    <div class="messages" role="status" aria-live="polite">
      {messages.map(({ id, text, isWrong }) => (
        <p key={id} class={isWrong ? "message wrong" : "message"}>
          <span>{text}</span>
          <button type="button" class="plain" aria-label="dismiss" onClick={() => dismiss(id)}>×</button>
        </p>
      ))}
    </div>
  );
}

/** Do something, and show what came of it; returns whether it was done. */
export async function perform(name: string, body: object): Promise<boolean> {
  try {
    const done = await act(name, body);
    if (done.said) say(done.said);
    return true;
  } catch (error) {
    say(error instanceof Refusal ? error.message : String(error), true);
    return false;
  }
}

// --- Buttons and dialogs.

export function Do(props: { name: string; body: object; children: ComponentChildren; label?: string; class?: string; disabled?: boolean }) {
  const [isBusy, setBusy] = useState(false);
  async function click() {
    setBusy(true);
    await perform(props.name, props.body);
    setBusy(false);
  }
  return (
    <button type="button" class={props.class} disabled={props.disabled} aria-busy={isBusy} aria-label={props.label} onClick={() => isBusy || void click()}>
      {props.children}
    </button>
  );
}

interface DialogProps {
  title: string;
  button?: string; // without one there is nothing to do but to close it
  isGrave?: boolean;
  onDone?: (form: FormData) => Promise<boolean>; // returns whether it may close
  onClose: () => void;
  children?: ComponentChildren;
}

/** A dialog: Esc and "Cancel" close it, and the focus is back where it was. */
export function Dialog({ title, button, isGrave, onDone, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  // before it is drawn: whoever types on at once types into it
  useLayoutEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  async function submit(event: TargetedEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isBusy || !onDone) return;
    const form = new FormData(event.currentTarget);
    setBusy(true);
    const mayClose = await onDone(form);
    setBusy(false);
    if (mayClose) onClose();
  }
  return (
    <dialog ref={element} aria-labelledby="dialog-title" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="dialog-title">{title}</h2>
        {children}
        <p class="buttons">
          <button type="button" onClick={() => element.current?.close()}>{button ? "Cancel" : "Close"}</button>
          {button && <button type="submit" class={isGrave ? "grave" : "main"} aria-busy={isBusy}>{button}</button>}
        </p>
      </form>
    </dialog>
  );
}

/** A button that asks in a dialog before it does something. */
export function Ask(props: {
  children: ComponentChildren;
  title: string;
  button: string;
  isGrave?: boolean;
  label?: string;
  class?: string;
  disabled?: boolean;
  fields?: () => ComponentChildren;
  onDone: (form: FormData) => Promise<boolean>;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" class={props.class} disabled={props.disabled} aria-label={props.label} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        {props.children}
      </button>
      {isOpen && (
        <Dialog title={props.title} button={props.button} isGrave={props.isGrave} onDone={props.onDone} onClose={() => setOpen(false)}>
          {props.fields?.()}
        </Dialog>
      )}
    </>
  );
}

export function Field(props: { label: string; hint?: string; children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      {props.children}
      {props.hint && <small>{props.hint}</small>}
    </label>
  );
}

export const text = (form: FormData, name: string): string => String(form.get(name) ?? "");

// --- Tables: on a narrow screen each row becomes a block that names its cells, and stays a table to who listens.

export function Table(props: { columns: string[]; label: string; children: ComponentChildren; class?: string }) {
  return (
    <table role="table" aria-label={props.label} class={props.class}>
      <thead role="rowgroup">
        <tr role="row">
          {props.columns.map((column, index) => (
            <th key={index} role="columnheader" scope="col">{column || <span class="unseen">Actions</span>}</th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">{props.children}</tbody>
    </table>
  );
}

export function Row(props: { children: ComponentChildren; class?: string }) {
  return <tr role="row" class={props.class}>{props.children}</tr>;
}

export function Cell(props: { name?: string; children?: ComponentChildren; class?: string }) {
  return <td role="cell" data-name={props.name} class={props.class}>{props.children}</td>;
}

export function Head(props: { children: ComponentChildren }) {
  return <th role="rowheader" scope="row">{props.children}</th>;
}

/** Names and values; what is empty is left out. */
export function Facts({ of }: { of: [name: string, value: ComponentChildren][] }) {
  return (
    <dl class="facts">
      {of.filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false).map(([name, value]) => (
        <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}

// --- What devices and releases look like everywhere.

export function version(of: Named | null): string {
  return of ? of.version || of.commit.slice(0, 7) : "–";
}

export function ReleaseLink({ of }: { of: Named | null }) {
  return of?.version ? <a href={`#/release/${of.commit}`}>{of.version}</a> : <>{version(of)}</>;
}

export function isUpdating(device: Device): boolean {
  return device.update !== "" && (device.state === "online" || device.update !== "waiting");
}

export function isUnwell(device: Device): boolean {
  return device.update === "rejected" || device.reason !== "" || !["", "ok", "starting"].includes(device.health);
}

export function State({ of }: { of: Device }) {
  const share = /^downloading (\d+) %$/.exec(of.update)?.[1];
  return (
    <span class={`state ${of.update === "rejected" ? "bad" : of.state === "online" ? "good" : "away"}`}>
      {of.state}
      {isUpdating(of) && `, ${of.update}`}
      {share && <progress max="100" value={share} aria-label={`download ${share} %`} />}
    </span>
  );
}

export function Health({ of }: { of: string }) {
  return of ? <span class={of === "ok" ? "state good" : of === "starting" ? "state away" : "state bad"}>{printable(of)}</span> : null;
}

export function Tags({ of }: { of: Record<string, string> }) {
  const shown = Object.entries(of).filter(([name]) => !name.startsWith("picket_"));
  return (
    <span class="tags">
      {shown.map(([name, value]) => <span key={name} class="tag">{name}={printable(value)}</span>)}
    </span>
  );
}

/** The tags of something, which can be changed. */
export function EditTags(props: { of: Record<string, string>; action: string; body: object }) {
  const set = (tags: Record<string, string>) => perform(props.action, { ...props.body, tags });
  return (
    <p class="tags">
      {Object.entries(props.of).map(([name, value]) => (
        <span key={name} class="tag">
          {name}={printable(value)}
          <button type="button" class="plain" aria-label={`remove the tag ${name}`} onClick={() => void set({ [name]: "" })}>×</button>
        </span>
      ))}
      <Ask class="small" title="Tag" button="Set" onDone={(form) => set({ [text(form, "name").trim()]: text(form, "value") })}
        fields={() => (
          <>
            <Field label="Name"><input name="name" required autocomplete="off" pattern="\S+" /></Field>
            <Field label="Value"><input name="value" required autocomplete="off" /></Field>
          </>
        )}>Add a tag</Ask>
    </p>
  );
}

/** Lines that come; who has not scrolled up sees the last one. */
export function Lines(props: { label: string; count: number; children: ComponentChildren }) {
  const element = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const box = element.current;
    if (box && isAtEnd.current) box.scrollTop = box.scrollHeight;
  }, [props.count]);
  function scrolled() {
    const box = element.current;
    if (box) isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  }
  return (
    <div ref={element} class="lines" role="region" aria-label={props.label} tabIndex={0} onScroll={scrolled}>{props.children}</div>
  );
}

export async function copy(what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(what);
    say("copied");
  } catch {
    say("this browser does not let the page copy: select it, and copy it by hand", true);
  }
}
