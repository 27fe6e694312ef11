import { heedErrors, type TarSource } from '../archive/source.ts'
import type { Change } from '../archive/changes.ts'
import { gathered } from '../mount/index.ts'
import type { Mount } from '../mount/plan.ts'
import { checkLayerId, hasChildren, Layout, type Locks, present, type Store } from '../store/index.ts'
import { GraphDriverError } from '../sys/index.ts'
import type { FileHandle } from 'node:fs/promises'
import {
  checkApplyOptions,
  checkCallOptions,
  checkCleanupOptions,
  checkCompareOptions,
  checkDiffOptions,
  checkFile,
  checkGetOptions,
  checkPutOptions,
  checkTar,
} from './arguments.ts'
import { applyLayer } from './applying.ts'
import { Call } from './call.ts'
import { cleanUp } from './cleanup.ts'
import { createFrom, createLayer } from './creation.ts'
import type { Driver } from './driver.ts'
import { flattenLayer } from './flatten.ts'
import type {
  ApplyOptions,
  ApplyResult,
  CallOptions,
  CleanupOptions,
  CleanupResult,
  CompareOptions,
  CreateFromOptions,
  CreateOptions,
  DiffOptions,
  DiffResult,
  DiffStream,
  DriverInfo,
  GetOptions,
  GraphDriver,
  LayerInfo,
  LayerLayout,
  MountsOptions,
  PutOptions,
  Rootfs,
} from './graph-driver.ts'
import { Incoming } from './incoming.ts'
import { inspect, type Inspected, layoutOf, listLayers, mountsOf, statusRows } from './inspection.ts'
import type { UnmountHow } from './mounts.ts'
import { type ReferenceKind, References, type TakeOptions } from './references.ts'
import { Reading } from './reading.ts'
import { removeLayer } from './removal.ts'
import { Handles } from './rootfs.ts'
import { nameMissing, populate, type Session } from './session.ts'

/** The verbs, the same for every driver. Each one waits for the gates of its layers, works, and leaves. */
export class LayeredDriver implements GraphDriver {
  readonly name: string
  readonly root: string
  readonly #inspected: Inspected
  readonly #session: Session | undefined
  readonly #locks: Locks | undefined
  readonly #references: References | undefined
  readonly #reading: Reading
  /** Calls under way, those included that their callers have aborted. */
  readonly #running = new Set<Promise<unknown>>()
  readonly #incoming: Incoming
  readonly #handles = new Handles()
  #closing: Promise<void> | undefined

  /** @param store left out: opened read-only, with the locks if there are any. */
  constructor(
    root: string,
    driver: Driver,
    features: Readonly<Record<string, string>>,
    { store, locks }: { readonly store?: Store; readonly locks: Locks | undefined },
  ) {
    this.#locks = locks
    this.name = driver.name
    this.root = root
    const layout = store?.layout ?? new Layout(root)
    this.#session = store === undefined ? undefined : { layout, driver, store }
    this.#references = this.#session === undefined ? undefined : new References(this.#session)
    this.#inspected = {
      layout,
      driver,
      features,
      holds: (id) => this.#references?.holds(id) === true,
      heldElsewhere: async (ids) => locks?.whichHeldElsewhere('use', ids) ?? new Set(),
    }
    this.#incoming = new Incoming(layout)
    this.#reading = new Reading(this.#inspected, this.#session, this.#references)
  }

  async status(): Promise<[label: string, value: string][]> {
    return statusRows(await this.info())
  }

  async info(): Promise<DriverInfo> {
    return this.#run({}, () => inspect(this.#inspected))
  }

  async list(): Promise<LayerInfo[]> {
    return this.#run({}, () => listLayers(this.#inspected))
  }

  async exists(id: string): Promise<boolean> {
    checkLayerId(id)
    return this.#run({}, () => present(this.#inspected.layout.metadata(id)))
  }

  create(id: string, options?: CreateOptions & { from?: undefined }): Promise<void>
  create(id: string, options: CreateFromOptions): Promise<ApplyResult>
  async create(
    id: string,
    options: CreateOptions & ApplyOptions & { from?: TarSource | undefined } = {},
  ): Promise<unknown> {
    checkLayerId(id)
    checkApplyOptions(options)
    const { parent, from } = options
    if (parent !== undefined) checkLayerId(parent, 'options.parent')
    const { session, references } = this.#writable()
    const ids = parent === undefined ? [id] : [id, parent]
    if (from !== undefined) {
      checkTar(from, 'options.from')
      heedErrors(from)
      return this.#run(options, (call) =>
        this.#incoming.take(ids, call, createFrom(session, references, { id, parent }, from, options, call)),
      )
    }
    const work = (): Promise<void> => createLayer(session, references, { id, parent })
    const undo = (): Promise<void> => removeLayer(session, references, id)
    return this.#run(options, (call) => this.#behind(session, ids, call, work, undo))
  }

  async applyDiff(id: string, tar: TarSource, options: ApplyOptions = {}): Promise<ApplyResult> {
    checkLayerId(id)
    checkApplyOptions(options)
    checkTar(tar, 'tar')
    heedErrors(tar)
    const { session, references } = this.#writable()
    return this.#run(options, async (call) => {
      await this.#settle([id])
      return this.#incoming.take([id], call, applyLayer(session, references, id, tar, options, call))
    })
  }

  async remove(id: string, options: CallOptions = {}): Promise<void> {
    checkLayerId(id)
    checkCallOptions(options)
    const { session, references } = this.#writable()
    return this.#run(options, (call) =>
      this.#behind(session, [id], call, () => removeLayer(session, references, id)),
    )
  }

  async get(id: string, options: GetOptions = {}): Promise<string> {
    checkLayerId(id)
    checkGetOptions(options)
    const { session, references } = this.#writable()
    const work = (): Promise<string> => references.take(id, takeOptions(options))
    const undo = async (): Promise<void> => {
      await references.give(id, {})
    }
    return this.#run(options, (call) => this.#behind(session, [id], call, work, undo))
  }

  async put(id: string, options: PutOptions = {}): Promise<void> {
    checkLayerId(id)
    checkPutOptions(options)
    return this.#give(id, options)
  }

  async use(id: string, options: GetOptions = {}): Promise<Rootfs> {
    checkLayerId(id)
    checkGetOptions(options)
    const { session, references } = this.#writable()
    const kind = options.readOnly === true ? 'view' : 'plain'
    const release = async (): Promise<void> => {
      // A closed instance has given everything back already.
      if (this.#closing === undefined) await this.#give(id, {}, kind)
    }
    const work = async (): Promise<Rootfs> => {
      const path = await references.take(id, takeOptions(options))
      try {
        return await this.#handles.make(path, release)
      } catch (error) {
        await references.give(id, {}, kind)
        throw error
      }
    }
    const undo = async (rootfs: Rootfs): Promise<void> => {
      await this.#handles.close(rootfs)
      await references.give(id, {}, kind)
    }
    return this.#run(options, (call) => this.#behind(session, [id], call, work, undo))
  }

  async mounts(id: string, options: MountsOptions = {}): Promise<Mount[]> {
    checkLayerId(id)
    checkGetOptions(options)
    const { layout, driver } = this.#inspected
    const session = this.#session
    return this.#run(options, async (call) => {
      // What is copied at the first use has to be there, if anybody may make it.
      if (session !== undefined && driver.populate !== undefined) {
        await this.#behind(session, [id], call, () => populate(session, id))
      }
      return mountsOf(this.#inspected, id, options, await hasChildren(layout, id))
    })
  }

  async layout(id: string): Promise<LayerLayout> {
    checkLayerId(id)
    return this.#run({}, () => layoutOf(this.#inspected, id))
  }

  async diff(id: string, options: DiffOptions = {}): Promise<DiffStream> {
    checkLayerId(id)
    checkDiffOptions(options)
    return this.#read(id, options, (call) => this.#reading.diff(id, options, call))
  }

  async diffTo(id: string, to: FileHandle, options: DiffOptions = {}): Promise<DiffResult> {
    checkLayerId(id)
    checkDiffOptions(options)
    checkFile(to, 'to')
    return this.#read(id, options, (call) => this.#reading.diffTo(id, to, options, call))
  }

  async changes(id: string, options: CompareOptions = {}): Promise<Change[]> {
    checkLayerId(id)
    checkCompareOptions(options)
    return this.#read(id, options, (call) => this.#reading.changes(id, options, call))
  }

  async diffSize(id: string, options: CompareOptions = {}): Promise<number> {
    checkLayerId(id)
    checkCompareOptions(options)
    return this.#read(id, options, (call) => this.#reading.diffSize(id, options, call))
  }

  async flatten(id: string, newId: string, options: CallOptions = {}): Promise<void> {
    checkLayerId(id)
    checkLayerId(newId, 'newId')
    checkCallOptions(options)
    const { session, references } = this.#writable()
    return this.#run(options, async (call) => {
      await this.#settle([id, newId])
      return this.#incoming.take(
        [id, newId],
        call,
        flattenLayer(session, references, { id, newId }, options, call),
      )
    })
  }

  async cleanup(options: CleanupOptions = {}): Promise<CleanupResult> {
    checkCleanupOptions(options)
    const { session, references } = this.#writable()
    const orphans = options.orphans === true
    return this.#run(options, (call) => cleanUp(session, references, { orphans, signal: call.signal }))
  }

  /**
   * Gives this instance's references to a layer back and leaves what is mounted, for who mounts from a shell. Nobody holds it then: the
   * next get takes it over, and put and cleanup take it away.
   */
  async leave(id: string): Promise<void> {
    const { session, references } = this.#writable()
    await this.#run({}, (call) => this.#behind(session, [id], call, async () => references.leave(id)))
  }

  /** As `put`, but a mount that was there before, and that nobody held, stays. */
  async putAsFound(id: string): Promise<void> {
    const { references } = this.#writable()
    return this.#give(id, { keep: references.found(id) })
  }

  /** Gives a reference back; one of an aborted call is taken again, where it was. */
  async #give(id: string, options: PutOptions & UnmountHow, kind?: ReferenceKind): Promise<void> {
    const { session, references } = this.#writable()
    const work = (): Promise<TakeOptions | undefined> => references.give(id, options, kind)
    const undo = async (given: TakeOptions | undefined): Promise<void> => {
      if (given !== undefined) await references.take(id, given)
    }
    await this.#run(options, (call) => this.#behind(session, [id], call, work, undo))
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const ended = this.#reading.end()
    await Promise.allSettled(this.#running)
    await ended
    // Of the calls that were still under way.
    await this.#reading.end()
    const session = this.#session
    const references = this.#references
    if (session === undefined || references === undefined) {
      await this.#locks?.close()
      return
    }
    const failures: unknown[] = []
    await this.#handles.close()
    for (const id of references.ids()) {
      const giveAll = async (): Promise<void> => {
        while (references.holds(id)) await references.give(id, {})
      }
      await this.#behind(session, [id], new Call(undefined), giveAll).catch((error: unknown) =>
        failures.push(error),
      )
    }
    references.clear()
    await session.driver.stop?.().catch((error: unknown) => failures.push(error))
    await session.store.close()
    if (failures.length > 0) throw gathered(failures[0], failures.slice(1))
  }

  #writable(): { session: Session; references: References } {
    if (this.#session !== undefined && this.#references !== undefined) {
      return { session: this.#session, references: this.#references }
    }
    throw new GraphDriverError('ERR_STORE_READ_ONLY', `${this.root} was opened with { readOnly: true }`, {
      path: this.root,
    })
  }

  /** Runs a call unless the instance is closed, and lets `close` wait for it, aborted or not. */
  async #run<T>(options: CallOptions, work: (call: Call) => Promise<T>): Promise<T> {
    options.signal?.throwIfAborted()
    if (this.#closing !== undefined) {
      throw new GraphDriverError('ERR_DRIVER_CLOSED', `the store at ${this.root} was closed`, {
        path: this.root,
      })
    }
    const call = new Call(options.signal)
    const running = work(call)
    const done = (): void => {
      this.#running.delete(running)
    }
    this.#running.add(running)
    running.then(done, done)
    return call.settle(running)
  }

  /** Reads layers that nobody is filling: what was aborted may not have let go of them yet. */
  #read<T>(id: string, options: CompareOptions, work: (call: Call) => Promise<T>): Promise<T> {
    const ids = options.parent === undefined ? [id] : [id, options.parent]
    return this.#run(options, async (call) => {
      await this.#settle(ids)
      return work(call).catch(async (error: unknown) => {
        throw await nameMissing(this.#inspected.layout, ids, error)
      })
    })
  }

  /** Waits until what was aborted, or has ended, has given these layers back. */
  async #settle(ids: readonly string[]): Promise<void> {
    await this.#incoming.settle(ids)
    for (const id of ids) await this.#reading.settle(id)
  }

  /** Works behind the gates of these layers; an abort that comes meanwhile is followed by `undo`, still behind them. */
  async #behind<T>(
    session: Session,
    ids: readonly string[],
    call: Call,
    work: () => Promise<T>,
    undo?: (result: T) => Promise<void>,
  ): Promise<T> {
    await this.#settle(ids)
    const leave = await session.store.locks.gates(ids, call.signal)
    try {
      const result = await work()
      if (!call.commit()) await undo?.(result)
      return result
    } catch (error) {
      throw await nameMissing(session.layout, ids, error)
    } finally {
      leave()
    }
  }
}

function takeOptions(options: GetOptions): TakeOptions {
  return { readOnly: options.readOnly === true, label: options.mountLabel }
}
