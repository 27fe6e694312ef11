import type { FileHandle } from 'node:fs/promises'
import { drive, PackStream, startPacking } from '../archive/pack.ts'
import { DetachedMount } from '../mount/index.ts'
import { codeOf } from '../store/index.ts'
import type { PackJob } from '../sys/pack.ts'
import type { Call } from './call.ts'
import { type Comparison, comparisonOf, formOf } from './comparison.ts'
import type { CompareOptions, DiffOptions, DiffResult, DiffStream } from './graph-driver.ts'
import type { Inspected } from './inspection.ts'
import { Readers } from './readers.ts'
import type { References } from './references.ts'
import type { Session } from './session.ts'

/** The verbs that read layers and write nothing. Without a session (a store that was opened to be read) nothing is locked. */
export class Reading {
  readonly #inspected: Inspected
  readonly #session: Session | undefined
  readonly #readers: Readers | undefined
  /** Streams that are not closed yet: of which layer, and what ends when they have given it back. */
  readonly #streams = new Map<DiffStream, { readonly id: string; readonly given: Promise<void> }>()

  constructor(inspected: Inspected, session: Session | undefined, references: References | undefined) {
    this.#inspected = inspected
    this.#session = session
    this.#readers = session && references && new Readers(session, references)
  }

  async diff(id: string, options: DiffOptions, call: Call): Promise<DiffStream> {
    const { comparison, release } = await this.#enter(id, options, call)
    try {
      const stream = new PackStream(await this.#pack(comparison, options), options)
      const given = new Promise<void>((resolve) => {
        stream.once('close', () => {
          release()
            // A store that was closed meanwhile has given it back.
            .catch(() => undefined)
            .finally(() => {
              this.#streams.delete(stream)
              resolve()
            })
        })
      })
      this.#streams.set(stream, { id, given })
      if (!call.commit()) stream.destroy()
      return stream
    } catch (error) {
      await release()
      throw error
    }
  }

  async diffTo(id: string, to: FileHandle, options: DiffOptions, call: Call): Promise<DiffResult> {
    const { comparison, release } = await this.#enter(id, options, call)
    try {
      return await drive(await this.#pack(comparison, options), to, options)
    } finally {
      await release()
    }
  }

  /** Ends every stream, and waits until each has given its layer back. */
  async end(): Promise<void> {
    for (const stream of this.#streams.keys()) stream.destroy()
    await Promise.all([...this.#streams.values()].map(({ given }) => given))
  }

  /** Waits for the streams of a layer that have ended, to give it back. */
  async settle(id: string): Promise<void> {
    for (const [stream, { id: of, given }] of [...this.#streams]) {
      if (of === id && (stream.readableEnded || stream.destroyed)) await given
    }
  }

  /** Finds out what is compared, and holds it. */
  async #enter(
    id: string,
    options: CompareOptions,
    call: Call,
  ): Promise<{ comparison: Comparison; release: () => Promise<void> }> {
    const { parent } = options
    const ids = parent === undefined ? [id] : [id, parent]
    const leave = await this.#session?.store.locks.gates(ids, call.signal)
    try {
      const comparison = await comparisonOf(this.#inspected, id, parent)
      const release = (await this.#readers?.hold(ids)) ?? (() => Promise.resolve())
      return { comparison, release }
    } finally {
      leave?.()
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
