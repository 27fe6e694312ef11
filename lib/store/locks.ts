import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { tell } from '../sys/events.ts'
import {
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  getLockSync,
  GraphDriverError,
  setLockSync,
  SyscallError,
} from '../sys/index.ts'
import { codeOf, unless } from './files.ts'
import { closeLock } from './guard.ts'
import type { Layout } from './layout.ts'
import { Mutex } from './mutex.ts'
import { inTurns } from './turns.ts'

/**
 * The locks of a store: bytes of one file, taken as open-file-description locks (fcntl(2), F_OFD_SETLK), one
 * description an instance. The kernel drops them when their process ends, however it ends.
 *
 * The calls never wait in the kernel, so they are made on the calling thread; waiting is done here, and can be aborted.
 *
 * | byte   | taken shared                        | taken exclusively                       |
 * |--------|-------------------------------------|-----------------------------------------|
 * | gate   | never                               | round every change of a layer's state   |
 * | use    | while a reference or a reader is    | unmounting, removing, filling           |
 * | write  | while somebody may write, or fills  | never; asked for before a child is made |
 * | freeze | while a child is made from a tar    | never; asked for before somebody writes |
 *
 * A layer's bytes but the gate change only while its gate is held: within one instance the kernel sees one owner,
 * so it is the gate that keeps two callers of one instance apart.
 */
export type LockKind = 'use' | 'write' | 'freeze'

const ROOT_BYTE = 0
/** Taken shared by every instance for as long as it is open, and exclusively by a conversion. */
const OPEN_BYTE = 1
const FIRST_BYTE = 64
const BYTES = { gate: 0, use: 1, write: 2, freeze: 3 } as const
const BYTES_A_LAYER = 4

/** Places that were worked out already: each call asks a dozen times for the same one. */
const slots = new Map<string, number>()
const MOST_SLOTS = 1024

/** Where a layer's bytes begin. 48 bits of a hash: two ids that meet only share their locks. */
function slot(name: string): number {
  const known = slots.get(name)
  if (known !== undefined) return known
  const place = FIRST_BYTE + createHash('sha256').update(name).digest().readUIntBE(0, 6) * BYTES_A_LAYER
  if (slots.size >= MOST_SLOTS) slots.clear()
  slots.set(name, place)
  return place
}

/** How the lock file cannot be opened by who may only look. */
const UNREADABLE = ['ENOENT', 'EACCES', 'EPERM', 'ELOOP', 'ENXIO'] as const
/** How a filesystem says that it has no locks, or not for readers (NFS). */
const UNLOCKABLE = ['EINVAL', 'ENOLCK', 'ENOSYS', 'ENOTSUP', 'EBADF', 'EACCES', 'EPERM', 'EROFS']

/** Another process has the store to itself. */
export function beingConverted({ root }: Layout): GraphDriverError {
  return new GraphDriverError(
    'ERR_STORE_CONVERTING',
    `another process is converting the layers of ${root}; it can be opened when that is done`,
    { path: root },
  )
}

export class Locks {
  readonly #file: FileHandle
  readonly #path: string
  /** Shared holds of this instance by byte; the kernel counts none. */
  readonly #holds = new Map<number, number>()
  /** What this instance holds exclusively: the kernel would let it turn that into a shared hold. */
  readonly #claims = new Set<number>()
  readonly #gates = new Mutex<number>()

  private constructor(file: FileHandle, path: string) {
    this.#file = file
    this.#path = path
  }

  /**
   * Opens the lock file, made when it is missing.
   *
   * @throws GraphDriverError ERR_STORE_UNSAFE where another user could hold the locks for ever.
   */
  static async open(path: string): Promise<Locks> {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const file = await open(path, flags, 0o600)
    try {
      await closeLock(path, file)
      return new Locks(file, path)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /**
   * Opens the lock file of a store to look at it, without writing anything: a shared lock takes a descriptor that may read (fcntl(2)).
   * Undefined where there is none, or this process may not read it, or its filesystem has no locks.
   *
   * @returns with the store entered, as by `enter`.
   * @throws GraphDriverError ERR_STORE_CONVERTING
   */
  static async look(layout: Layout): Promise<Locks | undefined> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const file = await unless(open(layout.lock, flags), UNREADABLE, undefined)
    if (file === undefined) return undefined
    const locks = new Locks(file, layout.lock)
    try {
      if (!(await file.stat()).isFile()) throw new SyscallError('EINVAL', 'open', { path: layout.lock })
      if (!locks.enter()) throw beingConverted(layout)
      return locks
    } catch (error) {
      await file.close()
      if (UNLOCKABLE.includes(codeOf(error) ?? '')) return undefined
      throw error
    }
  }

  /** Gives back every lock at once. */
  async close(): Promise<void> {
    await this.#file.close()
  }

  /** Says to others that the store is open, until `close`. False: its layers are being converted. */
  enter(): boolean {
    return this.#set(F_RDLCK, OPEN_BYTE)
  }

  /** Keeps every other instance out. False: one is in. */
  claimStore(): boolean {
    return this.#set(F_WRLCK, OPEN_BYTE)
  }

  /** Waits for the store as a whole; answers the function that gives it back. */
  async root(signal?: AbortSignal): Promise<() => void> {
    return this.#enter([ROOT_BYTE], [], signal)
  }

  /** Waits for the gates of these layers, all or none, in the order of their bytes. */
  async gates(ids: readonly string[], signal?: AbortSignal): Promise<() => void> {
    const bytes = [...new Set(ids.map((id) => slot(id) + BYTES.gate))]
    return this.#enter(
      bytes.sort((a, b) => a - b),
      ids,
      signal,
    )
  }

  /** A gate if it is free at once, else undefined. */
  async tryGate(id: string): Promise<(() => void) | undefined> {
    const byte = slot(id) + BYTES.gate
    const leave = await this.#gates.enter(byte)
    if (this.#set(F_WRLCK, byte)) {
      return () => {
        this.#set(F_UNLCK, byte)
        leave()
      }
    }
    leave()
    return undefined
  }

  /** Takes a shared lock once more; false when somebody holds it exclusively. */
  hold(kind: LockKind, name: string): boolean {
    const byte = slot(name) + BYTES[kind]
    if (this.#claims.has(byte)) return false
    const held = this.#holds.get(byte) ?? 0
    if (held === 0 && !this.#set(F_RDLCK, byte)) return false
    this.#holds.set(byte, held + 1)
    return true
  }

  /** Gives one shared hold back. */
  release(kind: LockKind, name: string): void {
    const byte = slot(name) + BYTES[kind]
    const held = this.#holds.get(byte) ?? 0
    if (held > 1) {
      this.#holds.set(byte, held - 1)
      return
    }
    this.#holds.delete(byte)
    this.#set(F_UNLCK, byte)
  }

  /**
   * Takes a lock exclusively if nobody else has it, this instance's own shared hold (one at the most) aside: that one is
   * converted. False leaves everything as it was.
   */
  claim(kind: LockKind, name: string): boolean {
    const byte = slot(name) + BYTES[kind]
    if ((this.#holds.get(byte) ?? 0) > 1 || this.#claims.has(byte) || !this.#set(F_WRLCK, byte)) return false
    this.#claims.add(byte)
    return true
  }

  /** Ends a claim; what was a shared hold before becomes one again. */
  unclaim(kind: LockKind, name: string): void {
    const byte = slot(name) + BYTES[kind]
    this.#claims.delete(byte)
    this.#set(this.#holds.has(byte) ? F_RDLCK : F_UNLCK, byte)
  }

  /** Whether another instance, of any process, has this lock. */
  heldElsewhere(kind: LockKind, name: string): boolean {
    return !this.#isFree(slot(name) + BYTES[kind], 1)
  }

  /**
   * For which of these names another instance has this lock. The kernel is asked of ranges of bytes, halved until they are free or
   * one name's: where nobody holds anything that is one question, however many names there are.
   */
  async whichHeldElsewhere(kind: LockKind, names: readonly string[]): Promise<Set<string>> {
    const held = new Set<string>()
    // Whoever holds anything has a byte behind the first ones.
    if (this.#isFree(FIRST_BYTE, 0)) return held
    const slots: [byte: number, name: string][] = []
    await inTurns(names, (name) => slots.push([slot(name), name]))
    slots.sort(([one], [other]) => one - other)
    const ranges: [from: number, to: number][] = [[0, slots.length]]
    for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
      const [from, to] = range
      const [first, last] = [slots[from], slots[to - 1]]
      if (first === undefined || last === undefined || to <= from) continue
      const [start, length] =
        to - from === 1 ? [first[0] + BYTES[kind], 1] : [first[0], last[0] - first[0] + BYTES_A_LAYER]
      if (this.#isFree(start, length)) continue
      if (to - from === 1) held.add(first[1])
      else ranges.push([from, (from + to) >> 1], [(from + to) >> 1, to])
    }
    return held
  }

  /** Whether no other instance has a lock on any of these bytes; a length of 0 is up to the end. */
  #isFree(start: number, length: number): boolean {
    return getLockSync(this.#file.fd, F_WRLCK, start, length) === F_UNLCK
  }

  /** Whether this instance has this lock as a shared one. */
  heldHere(kind: LockKind, name: string): boolean {
    return this.#holds.has(slot(name) + BYTES[kind])
  }

  /** Takes bytes exclusively: first among the callers in this instance, then among instances. */
  async #enter(bytes: readonly number[], ids: readonly string[], signal?: AbortSignal): Promise<() => void> {
    const turns: (() => void)[] = []
    const leave = (): void => {
      for (const turn of turns) turn()
    }
    try {
      for (const byte of bytes) turns.push(await this.#gates.enter(byte, signal))
      for (let round = 0; !this.#setAll(bytes); round++) {
        const delayMs = backOff(round)
        tell('retry', () => ({ what: 'lock', path: this.#path, ids: [...ids], tries: round + 1, delayMs }))
        await sleep(delayMs, undefined, { signal })
      }
    } catch (error) {
      leave()
      throw signal?.aborted === true ? signal.reason : error
    }
    return () => {
      for (const byte of bytes) this.#set(F_UNLCK, byte)
      leave()
    }
  }

  #setAll(bytes: readonly number[]): boolean {
    const taken: number[] = []
    for (const byte of bytes) {
      if (!this.#set(F_WRLCK, byte)) {
        for (const one of taken) this.#set(F_UNLCK, one)
        return false
      }
      taken.push(byte)
    }
    return true
  }

  #set(type: number, byte: number): boolean {
    return setLockSync(this.#file.fd, type, byte, 1)
  }
}

/** Milliseconds before try `round + 1`: doubling up to 32, with jitter so that two waiters do not stay in step. */
function backOff(round: number): number {
  return Math.min(2 ** round, 32) * (0.5 + Math.random())
}
