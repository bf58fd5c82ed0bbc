// Buttons that do something, and dialogs that ask before.
import { createContext, type ComponentChildren, type TargetedEvent } from "preact";
import { useContext, useLayoutEffect, useRef, useState } from "preact/hooks";
import { why } from "./api";
import { attempt, perform } from "./messages";

export function Do(props: { name: string; body: object; children: ComponentChildren; label?: string; class?: string; disabled?: boolean }) {
  const [isBusy, setBusy] = useState(false);
  async function click() {
    setBusy(true);
    await attempt(perform(props.name, props.body));
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
  onDone?: (form: FormData) => Promise<void>; // what it throws is shown, and it stays open
  onClose: () => void;
  children?: ComponentChildren;
}

interface Wrong {
  field: string;
  text: string;
}

const NOTHING_WRONG: Wrong = { field: "", text: "" };
const WrongField = createContext(NOTHING_WRONG);

/** A dialog: Esc and "Cancel" close it, and the focus is back where it was. */
export function Dialog({ title, button, isGrave, onDone, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [wrong, setWrong] = useState(NOTHING_WRONG);
  const [fields] = useState(children); // what comes while it is open must not undo what is typed and chosen
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
    const form = event.currentTarget;
    setBusy(true);
    setWrong(NOTHING_WRONG);
    try {
      await onDone(new FormData(form));
      onClose();
    } catch (error) {
      const [, name, rest] = /^(\w+): (.*)$/s.exec(why(error)) ?? []; // the server names the field first
      const field = form.querySelector<HTMLElement>(`[data-field="${name}"] > :is(input, select, textarea)`);
      setWrong(field ? { field: name!, text: rest! } : { field: "", text: why(error) });
      field?.focus();
    }
    setBusy(false);
  }
  return (
    <dialog ref={element} aria-labelledby="dialog-title" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="dialog-title">{title}</h2>
        <WrongField.Provider value={wrong}>{fields}</WrongField.Provider>
        <p class="wrong" role="alert">{wrong.field ? "" : wrong.text}</p>
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
  onDone: (form: FormData) => Promise<void>;
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

/** A field with its label; `name` is that of its input, where the server may find something wrong with it. */
export function Field(props: { label: string; name?: string; hint?: string; children: ComponentChildren }) {
  const wrong = useContext(WrongField);
  const isWrong = !!props.name && wrong.field === props.name;
  return (
    <label class={isWrong ? "field wrong" : "field"} data-field={props.name}>
      <span>{props.label}</span>
      {props.children}
      {isWrong ? <small role="alert">{wrong.text}</small> : props.hint && <small>{props.hint}</small>}
    </label>
  );
}

export const text = (form: FormData, name: string): string => String(form.get(name) ?? "");
