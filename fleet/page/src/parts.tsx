// Tables, facts, states, tags, and what else the views are made of.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Ask, Field, text } from "./dialog";
import { attempt, perform } from "./messages";
import type { Device, Named } from "./told";
import { printable } from "./words";

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

export function some(names: string[], most: number): string {
  return names.slice(0, most).join(", ") + (names.length > most ? ` and ${names.length - most} more` : "");
}

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
          <button type="button" class="plain" aria-label={`remove the tag ${name}`} onClick={() => void attempt(set({ [name]: "" }))}>×</button>
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
