// What the page asks the server for.
import { changed, live } from "./live";
import type { Effect, Session } from "./told";

/** What the server did not do, in its own words. */
export class Refusal extends Error {}

export const why = (error: unknown): string => (error instanceof Refusal ? error.message : String(error));

async function ask(method: string, path: string, body?: object): Promise<any> {
  const headers: Record<string, string> = {};
  if (body) headers["Content-Type"] = "application/json";
  if (live.session) headers["Picket-CSRF"] = live.session.csrf;
  let answer: Response;
  try {
    answer = await fetch(`/page/api/${path}`, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Refusal("the server does not answer: is this machine's network all right?");
  }
  if (answer.ok) return answer.json();
  const said = await answer.text();
  if (answer.status === 401 && live.session) {
    live.session = null;
    live.notice = said;
    changed();
  }
  throw new Refusal(said || `the server says ${answer.status}`);
}

export const login = (token: string): Promise<Session> => ask("POST", "login", { token });
export const logout = (): Promise<void> => ask("POST", "logout", {});
export const session = (): Promise<Session> => ask("GET", "session");
export const lookAt = (stream: string, focus: object): Promise<void> => ask("PUT", `events/${stream}`, focus);
export const effectsOf = (commit: string): Promise<Effect[]> => ask("GET", `preview/${commit}`);
export const act = (name: string, body: object): Promise<any> => ask("POST", `do/${name}`, body);
