import { unlessAborted } from '../sys/abort.ts'
import { checkSignal } from '../sys/arguments.ts'

/** What every call that may take long accepts. */
export interface SignalOptions {
  /** Aborting rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/**
 * Rejects at once when the signal is aborted; the work itself goes on and is `undone` when it succeeds after all.
 *
 * @param work begins only when the signal is not aborted yet.
 */
export async function abortable<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  undo?: (result: T) => Promise<unknown>,
): Promise<T> {
  checkSignal(signal)
  if (signal === undefined) return work()
  signal.throwIfAborted()
  const running = work()
  try {
    return await unlessAborted(running, signal)
  } catch (error) {
    // What the caller does not get is undone; he has the reason already, and waits for the rest by other means.
    if (undo !== undefined) void running.then(undo).catch(() => undefined)
    throw error
  }
}

/** Waits; an abort ends it with the signal's reason. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const elapsed = (): Promise<void> => new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)))
  // A timer that nobody waits for any more would keep the process alive.
  return abortable(signal, elapsed).finally(() => {
    clearTimeout(timer)
  })
}

/**
 * The error to throw when a failure was followed by failures of the cleaning up: the first one, or all of them
 * gathered, with the first one's `code` and as the cause.
 */
export function gathered(first: unknown, others: readonly unknown[]): unknown {
  if (others.length === 0) return first
  const message = first instanceof Error ? first.message : String(first)
  const all = new AggregateError([first, ...others], `${message} (and cleaning up failed too)`, {
    cause: first,
  })
  const code: unknown = (first as { code?: unknown } | null | undefined)?.code
  return code === undefined ? all : Object.assign(all, { code })
}

/** The error that was first, whatever becomes of the undoing. */
export async function undone(error: unknown, undoing: Promise<void>): Promise<unknown> {
  return undoing.then(
    () => error,
    (another: unknown) => gathered(error, [another]),
  )
}
