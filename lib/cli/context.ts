import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type GraphDriver, open, type Progress } from '../index.ts'
import { codeOf } from '../store/index.ts'
import { type Measure, measureTar, ProgressBar, type Screen } from './progress.ts'

/** What every verb has: where the store is, how to end early, and where to tell people something. */
export interface ContextOptions {
  /** Absolute. */
  readonly root: string
  readonly driver: string | undefined
  readonly json: boolean
  readonly signal: AbortSignal
  readonly screen: Screen
}

/** What stops a store from being opened for writing and is no reason not to look at it. */
const LOOK_ONLY = [
  'EACCES',
  'EDQUOT',
  'ENOSPC',
  'EPERM',
  'EROFS',
  'ERR_DRIVER_BACKING_FS',
  'ERR_DRIVER_NOT_SUPPORTED',
  'ERR_DRIVER_PREREQUISITE',
  'ERR_STORE_UNSAFE',
]

export class Context {
  readonly root: string
  readonly driver: string | undefined
  readonly json: boolean
  readonly signal: AbortSignal
  readonly #screen: Screen

  constructor({ root, driver, json, signal, screen }: ContextOptions) {
    this.root = root
    this.driver = driver
    this.json = json
    this.signal = signal
    this.#screen = screen
  }

  /** The store, for work on it. With `make` a store that is not there yet is made. */
  async open({ make = false }: { make?: boolean } = {}): Promise<GraphDriver> {
    this.signal.throwIfAborted()
    // A root that was mistyped is told of, and not made.
    if (!make) await (await open({ root: this.root, readOnly: true })).close()
    return open({ root: this.root, ...this.#named })
  }

  /**
   * The store, to be looked at: nothing is made, and what another program wrote (Docker's aufs) stays as it is. A store of our own is
   * opened fully where that works, so that what is read cannot be removed meanwhile.
   */
  async look(): Promise<GraphDriver> {
    if (existsSync(join(this.root, 'graphdriver.json'))) {
      try {
        return await this.open()
      } catch (error) {
        if (!LOOK_ONLY.includes(codeOf(error) ?? '')) throw error
      }
    }
    return open({ root: this.root, readOnly: true, ...this.#named })
  }

  get #named(): { driver?: string } {
    return this.driver === undefined ? {} : { driver: this.driver }
  }

  /** A line for people, on the standard error. */
  note(text: string): void {
    this.#screen.write(`graphdriver: ${text}\n`)
  }

  /** Does long work with a line that tells how far it is. */
  async watched<T>(title: string, work: (update?: (measure: Measure) => void) => Promise<T>): Promise<T> {
    const bar = new ProgressBar(this.#screen, title)
    try {
      return await work(bar.update)
    } finally {
      bar.clear()
    }
  }

  /** The same for what reads or writes a tar: options of the call. */
  async watchedTar<T>(
    title: string,
    of: number | undefined,
    work: (options: { signal: AbortSignal; onProgress?: (progress: Progress) => void }) => Promise<T>,
  ): Promise<T> {
    return this.watched(title, (update) => {
      const { signal } = this
      if (update === undefined) return work({ signal })
      return work({ signal, onProgress: (progress) => update(measureTar(progress, of)) })
    })
  }
}
