let hook: ((name: string) => void | Promise<void>) | undefined

/** Calls a hook at every step of a change on disk, so that tests can end the process there. Undefined takes it away. */
export function setStepHook(fresh: typeof hook): void {
  hook = fresh
}

/** Marks a point between two changes on disk: a process may die here, and the store has to be right. */
export async function step(name: string): Promise<void> {
  if (hook !== undefined) await hook(name)
}
