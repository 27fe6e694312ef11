import {
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  lchownSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
  chmodSync,
} from 'node:fs'
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  mknodatSync,
  setxattrSync,
  SyscallError,
  utimensatSync,
} from 'graphdriver/sys'
import { type Bytes, shown, toBuffer } from './bytes.ts'
import { Directory } from './directory.ts'

/** One entry of a tree that is to be planted. */
export interface Plant {
  readonly path: Bytes
  readonly kind: 'file' | 'directory' | 'symlink' | 'link' | 'char' | 'block' | 'fifo' | 'socket'
  /** Left out: 0644, for directories 0755. */
  readonly mode?: number
  /** Left out: 0. */
  readonly uid?: number
  readonly gid?: number
  /** Nanoseconds since 1970. Left out: one that is made of the number of the entry. */
  readonly mtime?: bigint
  /** Of a file: its bytes, and where they begin (before them is a hole). */
  readonly content?: Uint8Array
  readonly hole?: number
  /** Of a file: its size, when it ends with a hole. */
  readonly size?: number
  /** Of a symbolic link: where it leads. Of a link: the path whose file it is. */
  readonly target?: Bytes
  readonly major?: number
  readonly minor?: number
  readonly xattrs?: Readonly<Record<string, Uint8Array>>
}

/** What an entry of no stated time has: no two alike, all with nanoseconds. */
const EPOCH = 1_600_000_000_000_000_000n
const STEP = 86_400_123_456_789n

const types: Partial<Record<Plant['kind'], number>> = {
  char: constants.S_IFCHR,
  block: constants.S_IFBLK,
  fifo: constants.S_IFIFO,
  socket: constants.S_IFSOCK,
}

/** Directories that are open while a tree is planted, by path. */
type Open = Map<Bytes, Directory>

/**
 * Makes entries below a directory, in their order: directories before what lies in them. Answers what this filesystem could not
 * hold, a line each: extended attributes that it does not know.
 */
export function plant(root: string, plants: readonly Plant[]): string[] {
  const open: Open = new Map([['', Directory.at(root)]])
  try {
    const omitted = plants.flatMap((one) => plantOne(open, one))
    // Last, and the innermost first: what is made in a directory changes its time.
    for (const [at, one] of [...plants.entries()].reverse()) {
      const { parent, name } = place(open, one.path)
      const mtime = one.mtime ?? EPOCH + BigInt(at) * STEP
      if (one.kind !== 'link') utimensatSync(parent.fd, toBuffer(name), mtime, mtime, AT_SYMLINK_NOFOLLOW)
    }
    utimensatSync(AT_FDCWD, root, EPOCH - STEP, EPOCH - STEP)
    return omitted
  } finally {
    for (const directory of open.values()) directory[Symbol.dispose]()
  }
}

function plantOne(open: Open, one: Plant): string[] {
  const { parent, name } = place(open, one.path)
  make(open, parent, name, one)
  if (one.kind === 'directory') open.set(one.path, parent.below(name))
  return one.kind === 'link' ? [] : dress(parent, name, one)
}

function place(open: Open, path: Bytes): { parent: Directory; name: Bytes } {
  const slash = path.lastIndexOf('/')
  const parent = open.get(path.slice(0, Math.max(slash, 0)))
  if (parent === undefined) throw new Error(`${shown(path)} comes before its directory`)
  return { parent, name: path.slice(slash + 1) }
}

function make(open: Open, parent: Directory, name: Bytes, one: Plant): void {
  const path = parent.path(name)
  if (one.kind === 'directory') mkdirSync(path)
  else if (one.kind === 'symlink') symlinkSync(toBuffer(one.target!), path)
  else if (one.kind === 'link') {
    const target = place(open, one.target!)
    linkSync(target.parent.path(target.name), path)
  } else if (one.kind === 'file') write(path, one)
  else mknodatSync(parent.fd, toBuffer(name), types[one.kind]!, one.major, one.minor)
}

function write(path: Buffer, { content = new Uint8Array(), hole = 0, size }: Plant): void {
  const fd = openSync(path, 'wx')
  try {
    writeSync(fd, content, 0, content.length, hole)
    if (size !== undefined) ftruncateSync(fd, size)
  } finally {
    closeSync(fd)
  }
}

/** Owner first, since a change of it takes capabilities and special bits away. */
function dress(parent: Directory, name: Bytes, one: Plant): string[] {
  const { kind, uid = 0, gid = 0, mode = kind === 'directory' ? 0o755 : 0o644, xattrs = {} } = one
  const path = parent.path(name)
  lchownSync(path, uid, gid)
  const omitted = Object.entries(xattrs).filter(([xattr, value]) => !takes(path, xattr, value))
  if (kind !== 'symlink') chmodSync(path, mode)
  return omitted.map(([xattr]) => `${xattr} of ${shown(one.path)}`)
}

/** Sets an attribute, unless the filesystem has none of its kind. */
function takes(path: Buffer, xattr: string, value: Uint8Array): boolean {
  try {
    setxattrSync(path, xattr, value, { nofollow: true })
    return true
  } catch (error) {
    if (error instanceof SyscallError && error.code === 'ENOTSUP') return false
    throw error
  }
}
