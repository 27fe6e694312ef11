import { isUtf8 } from 'node:buffer'

import { checkFd, checkOptional, checkPath } from './arguments.ts'
import { binding } from './binding.ts'
import { check, errnoOf, SyscallError } from './error.ts'
import { MountinfoField as Field } from './native.ts'
import type { FlatMountinfo, Path } from './native.ts'

const ownTable = '/proc/thread-self/mountinfo'

/** The optional fields of a mount: how it takes part in propagation. */
export interface Propagation {
  /** Peer group that the mount shares its events with. */
  shared?: number
  /** Peer group that it gets events from. */
  master?: number
  /** Nearest dominant peer group below this root, where it is not the master. */
  propagateFrom?: number
  unbindable: boolean
  /** Fields that this version does not know, as the kernel wrote them. */
  others: string[]
}

/** Every field of a mount as plain data. */
export interface MountinfoRecord {
  id: number
  parent: number
  major: number
  minor: number
  root: string
  rootBytes?: Buffer
  mountPoint: string
  mountPointBytes?: Buffer
  options: string
  propagation: Propagation
  type: string
  source: string
  sourceBytes?: Buffer
  superOptions: string
}

/**
 * Undoes the kernel's escapes: a backslash and three octal digits is one byte.
 *
 * @param text one character a byte (latin1).
 * @returns one character a byte.
 */
export function unescapeBytes(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
}

/** Escapes, and what may be UTF-8: most names have neither, and need no work. */
const needsWork = /[\\\u0080-\uffff]/

/** As the expression says, of one character a byte; over a megabyte it takes a tenth of the time, and no memory. */
function isPlain(text: string): boolean {
  return !text.includes('\\') && Buffer.byteLength(text) === text.length
}

/** A table, and whether all of its text is plain: asked once, so that nobody needs to ask it of each name. */
class Table {
  readonly rows: Int32Array
  readonly text: string
  #plain: boolean | undefined

  constructor(table: FlatMountinfo) {
    this.rows = table.rows
    this.text = table.text
  }

  isPlain(text: string): boolean {
    return (this.#plain ??= isPlain(this.text)) || !needsWork.test(text)
  }
}

/**
 * One mount of the table. Fields are decoded when they are read; `toJSON` reads them all.
 *
 * Names are bytes: `root`, `mountPoint` and `source` decode them as UTF-8, and the `…Bytes` fields are there
 * exactly when that loses something.
 */
export class MountinfoEntry {
  readonly #table: Table
  readonly #offset: number

  /** @internal */
  constructor(table: Table, row: number) {
    this.#table = table
    this.#offset = row * Field.row
  }

  #number(field: number): number {
    return this.#table.rows[this.#offset + field] ?? 0
  }

  #text(field: number): string {
    return this.#table.text.slice(this.#number(field), this.#number(field + 1))
  }

  #decoded(field: number): string {
    const text = this.#text(field)
    return this.#table.isPlain(text) ? text : Buffer.from(unescapeBytes(text), 'latin1').toString()
  }

  /** The bytes of a name, exactly when they are no UTF-8. */
  #strangeBytes(field: number): Buffer | undefined {
    const text = this.#text(field)
    if (this.#table.isPlain(text)) return undefined
    const bytes = Buffer.from(unescapeBytes(text), 'latin1')
    return isUtf8(bytes) ? undefined : bytes
  }

  /** The mount's id: used again once the mount is gone. */
  get id(): number {
    return this.#number(Field.id)
  }

  /** Id of the mount that this one is on. */
  get parent(): number {
    return this.#number(Field.parent)
  }

  /** Major number of the filesystem's device. */
  get major(): number {
    return this.#number(Field.major)
  }

  /** Minor number of the filesystem's device. */
  get minor(): number {
    return this.#number(Field.minor)
  }

  /** The directory of the filesystem that is this mount's root; ends in `//deleted` when it is gone. */
  get root(): string {
    return this.#decoded(Field.root)
  }

  /** The bytes of `root`, exactly when they are no UTF-8. */
  get rootBytes(): Buffer | undefined {
    return this.#strangeBytes(Field.root)
  }

  /** Where it is mounted, seen from the process's root. */
  get mountPoint(): string {
    return this.#decoded(Field.mountPoint)
  }

  /** The bytes of `mountPoint`, exactly when they are no UTF-8. */
  get mountPointBytes(): Buffer | undefined {
    return this.#strangeBytes(Field.mountPoint)
  }

  /** The mount point, one character a byte (latin1): for comparing names that may be no UTF-8. */
  get mountPointLatin1(): string {
    return unescapeBytes(this.#text(Field.mountPoint))
  }

  /** Options of the mount, as the kernel wrote them: `rw,nosuid,relatime`. */
  get options(): string {
    return this.#text(Field.options)
  }

  /** How the mount takes part in propagation. */
  get propagation(): Propagation {
    return parsePropagation(this.#text(Field.optional))
  }

  /** Name of the filesystem, with its subtype after a dot: `ext4`, `fuse.sshfs`. */
  get type(): string {
    return this.#decoded(Field.type)
  }

  /** What was mounted; may be empty. */
  get source(): string {
    return this.#decoded(Field.source)
  }

  /** The bytes of `source`, exactly when they are no UTF-8. */
  get sourceBytes(): Buffer | undefined {
    return this.#strangeBytes(Field.source)
  }

  /**
   * Options of the filesystem, one character a byte and with the kernel's escapes, since an escaped comma is part of a value:
   * split at the commas first, and then undo the escapes. Empty in what {@link listMounts} gives.
   */
  get superOptions(): string {
    return this.#text(Field.superOptions)
  }

  /** Every field as plain data. */
  toJSON(): MountinfoRecord {
    const { rootBytes, mountPointBytes, sourceBytes } = this
    return {
      id: this.id,
      parent: this.parent,
      major: this.major,
      minor: this.minor,
      root: this.root,
      ...(rootBytes && { rootBytes }),
      mountPoint: this.mountPoint,
      ...(mountPointBytes && { mountPointBytes }),
      options: this.options,
      propagation: this.propagation,
      type: this.type,
      source: this.source,
      ...(sourceBytes && { sourceBytes }),
      superOptions: this.superOptions,
    }
  }
}

function parsePropagation(text: string): Propagation {
  const found: Propagation = { unbindable: false, others: [] }
  if (text === '') return found
  for (const field of text.split(' ')) {
    const [tag, value = ''] = field.split(':', 2)
    const group = /^\d+$/.test(value) ? Number(value) : undefined
    if (tag === 'shared' && group !== undefined) found.shared = group
    else if (tag === 'master' && group !== undefined) found.master = group
    else if (tag === 'propagate_from' && group !== undefined) found.propagateFrom = group
    else if (field === 'unbindable') found.unbindable = true
    else found.others.push(field)
  }
  return found
}

/**
 * A mount table, read at one time. Rows become objects when somebody looks at them.
 *
 * The kernel gives a table in pieces of about a page. It is read again when it changed meanwhile, but one that changes all the
 * time may still be neither the old nor the new.
 */
export class Mountinfo implements Iterable<MountinfoEntry> {
  readonly #table: Table
  /** How many mounts there are. */
  readonly length: number

  /** @internal */
  constructor(table: FlatMountinfo) {
    this.#table = new Table(table)
    this.length = table.rows.length / Field.row
  }

  /** The mount at an index in the kernel's order; a negative one counts from the end. */
  at(index: number): MountinfoEntry | undefined {
    const row = index < 0 ? this.length + index : index
    return Number.isInteger(row) && row >= 0 && row < this.length
      ? new MountinfoEntry(this.#table, row)
      : undefined
  }

  /** Every mount in the kernel's order. */
  *[Symbol.iterator](): IterableIterator<MountinfoEntry> {
    for (let row = 0; row < this.length; row++) yield new MountinfoEntry(this.#table, row)
  }

  /** The mount of this id. Makes no object for the others. */
  byId(id: number): MountinfoEntry | undefined {
    const { rows } = this.#table
    for (let row = 0; row < this.length; row++) {
      if (rows[row * Field.row + Field.id] === id) return new MountinfoEntry(this.#table, row)
    }
    return undefined
  }

  /**
   * The mount at this mount point; of several on top of each other, the topmost.
   *
   * @param path as the table has it: absolute, without links, `.`, `..` or a slash at its end.
   */
  byMountPoint(path: Path): MountinfoEntry | undefined {
    const wanted = Buffer.from(path as string).toString('latin1')
    const here: MountinfoEntry[] = []
    for (const entry of this) if (entry.mountPointLatin1 === wanted) here.push(entry)
    // The table's order is no promise; the topmost is the one that no other one here lies on.
    const covered = new Set(here.map((entry) => entry.parent))
    return here.findLast((entry) => !covered.has(entry.id)) ?? here.at(-1)
  }

  /** Every field of every mount as plain data. */
  toJSON(): MountinfoRecord[] {
    return Array.from(this, (entry) => entry.toJSON())
  }
}

/**
 * Reads and parses a mount table (proc_pid_mountinfo(5)). A mount that the kernel shows twice (before Linux 7.0 it may) is
 * there once; a line that is no mount is left out.
 *
 * @param path a mountinfo file, such as /proc/<pid>/mountinfo; the default is that of the calling thread.
 * @throws SyscallError ENOENT, EACCES.
 */
export async function mountinfo(path?: Path): Promise<Mountinfo> {
  const file = checkOptional(path, 'path', checkPath)
  return madeOf(await binding().mountinfo(file), file)
}

/** {@link mountinfo} on the calling thread. */
export function mountinfoSync(path?: Path): Mountinfo {
  const file = checkOptional(path, 'path', checkPath)
  return madeOf(binding().mountinfoSync(file), file)
}

/**
 * The mounts of this process's namespace without `superOptions`, by listmount(2) and statmount(2): an overlay of many layers
 * writes down all of them there, which costs the kernel more than all the other fields of all mounts. Linux 6.13.
 *
 * Where the mounts have short options, {@link mountinfo} is faster.
 *
 * @throws SyscallError ENOSYS where the kernel cannot tell all the other fields in this way; EPERM under a seccomp filter that does not
 * know the calls.
 */
export async function listMounts(): Promise<Mountinfo> {
  return new Mountinfo(check(await binding().listMounts(0), 'listmount'))
}

/** {@link listMounts} on the calling thread. */
export function listMountsSync(): Mountinfo {
  return new Mountinfo(check(binding().listMountsSync(0), 'listmount'))
}

/**
 * Whether a mount table changed since this was asked last for this descriptor, or else since that was opened: poll(2), about a microsecond.
 * The kernel counts mounts that came, went, moved, or got other options; propagation that changes by itself it does not.
 *
 * @param fd a descriptor of a mountinfo file, opened to be read. What is no such file never changes.
 */
export function mountsChangedSync(fd: number): boolean {
  return check(binding().mountsChangedSync(checkFd(fd, 'fd')), 'poll') === 1
}

function madeOf(answer: FlatMountinfo | number, file: Path | null): Mountinfo {
  const context = { path: file ?? ownTable }
  if (answer !== errnoOf('ENOENT') || file !== null) return new Mountinfo(check(answer, 'open', context))
  throw new SyscallError(answer, 'open', {
    ...context,
    detail: 'the mount table is in /proc, which has to be mounted',
  })
}
