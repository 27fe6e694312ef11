import type { FileHandle } from 'node:fs/promises'
import { type Change, changes, type ChangesOptions, diffSize } from '../archive/changes.ts'
import { drive, PackStream, startPacking } from '../archive/pack.ts'
import { startPackingDifference } from '../archive/pack-difference.ts'
import type { PackJob } from '../sys/pack.ts'
import type { Call } from './call.ts'
import { type Comparison, comparisonOf, type Views, viewsOf } from './comparison.ts'
import type { CompareOptions, DiffOptions, DiffResult, DiffStream } from './graph-driver.ts'
import type { Inspected } from './inspection.ts'
import { mountViews } from './mounted-views.ts'
import { Readers } from './readers.ts'
import type { References } from './references.ts'
import { readStack, type Session } from './session.ts'
import { uncover } from './uncover.ts'

/** A layer that is being read. */
interface Reader {
  readonly id: string
  readonly comparison: Comparison
  readonly views: Views
  /** Nobody waits for it any more: it was aborted, or its stream has ended. */
  isOver: () => boolean
  /** Gives the layer back. */
  readonly release: () => Promise<void>
  readonly released: Promise<void>
}

/** The verbs that read layers and write nothing. Without a session (a store that was opened to be read) nothing is locked. */
export class Reading {
  readonly #inspected: Inspected
  readonly #session: Session | undefined
  readonly #references: References | undefined
  readonly #readers: Readers | undefined
  readonly #active = new Set<Reader>()
  readonly #streams = new Set<DiffStream>()
  /** The store is being closed: a stream that comes now is not wanted any more. */
  #ended = false

  constructor(inspected: Inspected, session: Session | undefined, references: References | undefined) {
    this.#inspected = inspected
    this.#session = session
    this.#references = references
    this.#readers = session && references && new Readers(session, references)
  }

  async diff(id: string, options: DiffOptions, call: Call): Promise<DiffStream> {
    const reader = await this.#enter(id, options, call)
    try {
      const stream = new PackStream(await this.#pack(reader, options), options)
      this.#streams.add(stream)
      reader.isOver = () => stream.readableEnded || stream.destroyed
      stream.once('close', () => {
        this.#streams.delete(stream)
        // A store that was closed meanwhile has given it back.
        reader.release().catch(() => undefined)
      })
      if (!call.commit() || this.#ended) stream.destroy()
      return stream
    } catch (error) {
      await reader.release()
      throw error
    }
  }

  async diffTo(id: string, to: FileHandle, options: DiffOptions, call: Call): Promise<DiffResult> {
    return this.#during(id, options, call, async (reader) =>
      drive(await this.#pack(reader, options), to, options),
    )
  }

  async changes(id: string, options: CompareOptions, call: Call): Promise<Change[]> {
    return this.#during(id, options, call, (reader) => changes(judged(reader, options)))
  }

  async diffSize(id: string, options: CompareOptions, call: Call): Promise<number> {
    return this.#during(id, options, call, (reader) => diffSize(judged(reader, options)))
  }

  /** Ends every stream, and waits until each has given its layer back. */
  async end(): Promise<void> {
    this.#ended = true
    for (const stream of this.#streams) stream.destroy()
    await Promise.all([...this.#active].map(({ released }) => released))
  }

  /** Waits until what is over has given a layer back. */
  async settle(id: string): Promise<void> {
    const over = [...this.#active].filter((reader) => reader.id === id && reader.isOver())
    await Promise.all(over.map(({ released }) => released))
  }

  async #during<T>(
    id: string,
    options: CompareOptions,
    call: Call,
    work: (reader: Reader) => Promise<T>,
  ): Promise<T> {
    const reader = await this.#enter(id, options, call)
    try {
      return await work(reader)
    } finally {
      await reader.release()
    }
  }

  /** Finds out what is compared, and holds it. */
  async #enter(id: string, options: CompareOptions, call: Call): Promise<Reader> {
    const ids = await this.#idsOf(id, options.parent)
    const leave = await this.#session?.store.locks.gates(ids, call.signal)
    try {
      const comparison = await comparisonOf(this.#inspected, id, options.parent)
      const give = await this.#readers?.hold(ids)
      try {
        await this.#settle(comparison)
        const { views, drop } = await this.#look(comparison)
        return this.#track({ id, comparison, views }, call, async () => {
          await give?.release()
          await drop?.()
        })
      } catch (error) {
        give?.undo()
        throw error
      }
    } finally {
      leave?.()
    }
  }

  /** The layers that must stay: what has children does, but for those that have to be mounted. */
  async #idsOf(id: string, parent: string | undefined): Promise<string[]> {
    const { layout, driver } = this.#inspected
    const other =
      driver.indirect === true ? (parent ?? (await readStack(layout, id)).ancestors[0]?.id) : parent
    return other === undefined ? [id] : [id, other]
  }

  /** What a mounted union alone knows has to be in the directories; a store that is only looked at is left as it is. */
  async #settle({ stack, below }: Comparison): Promise<void> {
    if (this.#session === undefined) return
    for (const { layer, lowers } of [stack, ...(below ? [below] : [])]) {
      if (lowers.length > 0) await this.#session.driver.beforeRead?.(layer)
    }
  }

  /** Where to look at what is compared; `drop` ends the mounts that were made for it. */
  async #look(comparison: Comparison): Promise<{ views: Views; drop?: () => Promise<void> }> {
    const { driver } = this.#inspected
    const mount = driver.indirect === true && !comparison.own
    if (mount && this.#session && this.#references) {
      return mountViews(this.#session, this.#references, comparison)
    }
    return { views: await viewsOf(driver, comparison) }
  }

  #track(what: Pick<Reader, 'id' | 'comparison' | 'views'>, call: Call, give: () => Promise<void>): Reader {
    let done = (): void => undefined
    const released = new Promise<void>((resolve) => {
      done = resolve
    })
    const reader: Reader = {
      ...what,
      isOver: () => call.signal?.aborted === true,
      release: async () => {
        try {
          await give()
        } finally {
          this.#active.delete(reader)
          done()
        }
      },
      released,
    }
    this.#active.add(reader)
    return reader
  }

  async #pack({ comparison, views }: Reader, options: DiffOptions): Promise<PackJob> {
    const { stack, below, own } = comparison
    const { times = 'exact', signal } = options
    const how = { times, ...(signal && { signal }) }
    if (!own) return startPackingDifference({ ...views, ...how })
    const { diff } = stack.layer
    // The directory of a layer with nothing below is its root as well, and somebody may have mounted /proc and more in it.
    await using uncovered = stack.lowers.length === 0 ? await uncover(diff) : undefined
    return await startPacking(uncovered?.path ?? diff, {
      ...how,
      form: views.form,
      ...(below && { parent: below.layer.diff }),
      name: diff,
    })
  }
}

function judged({ comparison, views }: Reader, { signal }: CompareOptions): ChangesOptions {
  return { ...views, judge: comparison.own ? 'touched' : 'exact', ...(signal && { signal }) }
}
