import type { FileHandle } from 'node:fs/promises'
import { type Change, changes, type ChangesOptions, diffSize } from '../archive/changes.ts'
import { drive, PackStream, startPacking } from '../archive/pack.ts'
import { DetachedMount } from '../mount/index.ts'
import { codeOf } from '../store/index.ts'
import type { PackJob } from '../sys/pack.ts'
import type { Call } from './call.ts'
import { type Comparison, comparisonOf, formOf, viewOf } from './comparison.ts'
import type { CompareOptions, DiffOptions, DiffResult, DiffStream } from './graph-driver.ts'
import type { Inspected } from './inspection.ts'
import { Readers } from './readers.ts'
import type { References } from './references.ts'
import type { Session } from './session.ts'

/** A layer that is being read. */
interface Reader {
  readonly id: string
  readonly comparison: Comparison
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
  readonly #readers: Readers | undefined
  readonly #active = new Set<Reader>()
  readonly #streams = new Set<DiffStream>()

  constructor(inspected: Inspected, session: Session | undefined, references: References | undefined) {
    this.#inspected = inspected
    this.#session = session
    this.#readers = session && references && new Readers(session, references)
  }

  async diff(id: string, options: DiffOptions, call: Call): Promise<DiffStream> {
    const reader = await this.#enter(id, options, call)
    try {
      const stream = new PackStream(await this.#pack(reader.comparison, options), options)
      this.#streams.add(stream)
      reader.isOver = () => stream.readableEnded || stream.destroyed
      stream.once('close', () => {
        this.#streams.delete(stream)
        // A store that was closed meanwhile has given it back.
        reader.release().catch(() => undefined)
      })
      if (!call.commit()) stream.destroy()
      return stream
    } catch (error) {
      await reader.release()
      throw error
    }
  }

  async diffTo(id: string, to: FileHandle, options: DiffOptions, call: Call): Promise<DiffResult> {
    return this.#during(id, options, call, async ({ comparison }) =>
      drive(await this.#pack(comparison, options), to, options),
    )
  }

  async changes(id: string, options: CompareOptions, call: Call): Promise<Change[]> {
    return this.#during(id, options, call, async ({ comparison }) =>
      changes(await this.#views(comparison, options)),
    )
  }

  async diffSize(id: string, options: CompareOptions, call: Call): Promise<number> {
    return this.#during(id, options, call, async ({ comparison }) =>
      diffSize(await this.#views(comparison, options)),
    )
  }

  /** Ends every stream, and waits until each has given its layer back. */
  async end(): Promise<void> {
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
    const { parent } = options
    const ids = parent === undefined ? [id] : [id, parent]
    const leave = await this.#session?.store.locks.gates(ids, call.signal)
    try {
      const comparison = await comparisonOf(this.#inspected, id, parent)
      const give = await this.#readers?.hold(ids)
      return this.#track(id, comparison, call, give)
    } finally {
      leave?.()
    }
  }

  #track(id: string, comparison: Comparison, call: Call, give?: () => Promise<void>): Reader {
    let done = (): void => undefined
    const released = new Promise<void>((resolve) => {
      done = resolve
    })
    const reader: Reader = {
      id,
      comparison,
      isOver: () => call.signal?.aborted === true,
      release: async () => {
        try {
          await give?.()
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

  async #views({ stack, below, own }: Comparison, { signal }: CompareOptions): Promise<ChangesOptions> {
    const { driver } = this.#inspected
    return {
      layers: await viewOf(driver, stack),
      parents: below === undefined ? [] : await viewOf(driver, below),
      form: formOf(driver),
      judge: own ? 'touched' : 'exact',
      ...(signal && { signal }),
    }
  }

  async #pack(comparison: Comparison, options: DiffOptions): Promise<PackJob> {
    const { driver } = this.#inspected
    const { stack, below } = comparison
    const { times = 'exact', signal } = options
    const { diff } = stack.layer
    // The directory of a layer with nothing below is its root as well, and somebody may have mounted /proc and more in it.
    await using uncovered = stack.lowers.length === 0 ? await uncover(diff) : undefined
    return await startPacking(uncovered?.path ?? diff, {
      form: formOf(driver),
      times,
      ...(signal && { signal }),
      ...(below && { parent: below.layer.diff }),
      name: diff,
    })
  }
}

/** A directory as it is without what is mounted in it; undefined where this process may not copy mounts. */
async function uncover(directory: string): Promise<DetachedMount | undefined> {
  try {
    return await DetachedMount.clone(directory)
  } catch (error) {
    if (['EPERM', 'ENOSYS', 'EINVAL'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}
