import { setImmediate as turn } from 'node:timers/promises'

/** As many items as are looked at in one turn of the event loop: under a millisecond. */
const CHUNK = 500

/** Does a piece of work for each item, and lets others have their turns in between. */
export async function inTurns<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  let count = 0
  for (const item of items) {
    if (++count % CHUNK === 0) await turn()
    work(item)
  }
}
