// What the server said of what was done, or why not.
import { useReducer } from "preact/hooks";
import { act, why } from "./api";

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

/** Do something, and say what came of it; throws what the server says against it. */
export async function perform(name: string, body: object): Promise<void> {
  const done = await act(name, body);
  if (done.said) say(done.said);
}

/** Say what goes wrong where nothing else would. */
export async function attempt(doing: Promise<void>): Promise<void> {
  try {
    await doing;
  } catch (error) {
    say(why(error), true);
  }
}

export async function copy(what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(what);
    say("copied");
  } catch {
    say("this browser does not let the page copy: select it, and copy it by hand", true);
  }
}
