import { createHash } from 'node:crypto'
import { closeSync, constants, openSync, readlinkSync, readSync } from 'node:fs'
import { getxattrSync, listxattrSync, SyscallError } from 'graphdriver/sys'
import { type Bytes, fromBuffer, shown } from './bytes.ts'
import { Directory } from './directory.ts'

export type Kind = 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket'

/** All that is to be known of one name in a tree, as text that can be compared. */
export interface Fact {
  readonly kind: Kind
  /** The twelve bits, in octal. */
  readonly mode: string
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since 1970. */
  readonly mtime: bigint
  /** Bytes of a file. */
  readonly size?: number
  /** Hash of a file's contents. */
  readonly sha256?: string
  /** Where a symbolic link leads. */
  readonly target?: Bytes
  /** Number of a device. */
  readonly device?: string
  /** Values of extended attributes, in hexadecimal, by name. */
  readonly xattrs: ReadonlyMap<Bytes, string>
  /** Of several names of one file, the first by bytes. */
  readonly linked?: Bytes
}

/** By path from the tree's root, without a slash before it; the root itself is ''. */
export type Facts = Map<Bytes, Fact>

const kinds = new Map<number, Kind>([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'directory'],
  [constants.S_IFLNK, 'symlink'],
  [constants.S_IFCHR, 'char'],
  [constants.S_IFBLK, 'block'],
  [constants.S_IFIFO, 'fifo'],
  [constants.S_IFSOCK, 'socket'],
])

/** What lies on disk below a directory, found out entry by entry by system calls. */
export function factsOf(path: string): Facts {
  using root = Directory.at(path)
  const facts: Facts = new Map()
  const inodes = new Map<string, Bytes[]>()
  collect(root, '', '.', facts, inodes)
  for (const paths of inodes.values()) linkUp(facts, paths)
  return facts
}

/** Notes in each of the names of one file that they belong together. */
export function linkUp(facts: Facts, paths: readonly Bytes[]): void {
  if (paths.length < 2) return
  const [linked] = paths.toSorted()
  for (const path of paths) facts.set(path, { ...facts.get(path)!, linked: linked! })
}

function collect(
  parent: Directory,
  path: Bytes,
  name: Bytes,
  facts: Facts,
  inodes: Map<string, Bytes[]>,
): void {
  const stat = parent.stat(name)
  const kind = kinds.get(Number(stat.mode) & constants.S_IFMT)!
  facts.set(path, {
    kind,
    mode: (Number(stat.mode) & 0o7777).toString(8),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtime: stat.mtimeNs,
    ...particulars(parent, name, kind, stat),
    xattrs: xattrsOf(parent.path(name)),
  })
  if (kind !== 'directory') {
    const inode = `${stat.dev} ${stat.ino}`
    inodes.set(inode, [...(inodes.get(inode) ?? []), path])
    return
  }
  using directory = parent.below(name)
  for (const child of directory.names()) {
    collect(directory, path === '' ? child : `${path}/${child}`, child, facts, inodes)
  }
}

function particulars(
  parent: Directory,
  name: Bytes,
  kind: Kind,
  { size, rdev }: { size: bigint; rdev: bigint },
): Partial<Fact> {
  if (kind === 'file') return { size: Number(size), sha256: hashOf(parent.path(name)) }
  if (kind === 'symlink')
    return { target: fromBuffer(readlinkSync(parent.path(name), { encoding: 'buffer' })) }
  if (kind === 'char' || kind === 'block') return { device: deviceText(rdev) }
  return {}
}

/** gnu_dev_major(3), gnu_dev_minor(3). */
function deviceText(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn)
  return `${major}:${minor}`
}

function hashOf(path: Buffer): string {
  const hash = createHash('sha256')
  const block = Buffer.alloc(1 << 20)
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    for (let read; (read = readSync(fd, block)) > 0;) hash.update(block.subarray(0, read))
  } finally {
    closeSync(fd)
  }
  return hash.digest('hex')
}

function xattrsOf(path: Buffer): Map<Bytes, string> {
  const found = new Map<Bytes, string>()
  for (const name of namesOfXattrs(path)) {
    found.set(fromBuffer(name), getxattrSync(path, name, { nofollow: true }).toString('hex'))
  }
  return found
}

function namesOfXattrs(path: Buffer): Buffer[] {
  try {
    const names = listxattrSync(path, { nofollow: true, encoding: 'buffer' })
    // What SELinux gives by itself is in no tar.
    return names.filter((name) => String(name) !== 'security.selinux').sort((a, b) => a.compare(b))
  } catch (error) {
    if (error instanceof SyscallError && error.code === 'ENOTSUP') return []
    throw error
  }
}

const fields = [
  'kind',
  'mode',
  'uid',
  'gid',
  'mtime',
  'size',
  'sha256',
  'target',
  'device',
  'linked',
] as const

export type Field = (typeof fields)[number] | 'xattrs' | 'presence'

/** Says which differences do not count. */
export type Indifferent = (field: Field, path: Bytes, fact: Fact) => boolean

/** What differs between two trees: a line each, empty when they are alike. */
export function compareFacts(a: Facts, b: Facts, indifferent: Indifferent = () => false): string[] {
  const differences: string[] = []
  for (const path of new Set([...a.keys(), ...b.keys()])) {
    const [left, right] = [a.get(path), b.get(path)]
    const name = path === '' ? '(the root)' : shown(path)
    if (left === undefined || right === undefined) {
      const side = left === undefined ? 'second' : 'first'
      if (!indifferent('presence', path, (left ?? right)!)) differences.push(`${name}: only in the ${side}`)
      continue
    }
    for (const field of fields) {
      if (left[field] === right[field] || indifferent(field, path, left)) continue
      differences.push(`${name}: ${field} ${text(left[field])} and ${text(right[field])}`)
    }
    if (!indifferent('xattrs', path, left)) differences.push(...compareXattrs(name, left, right))
  }
  return differences
}

function compareXattrs(name: string, { xattrs: left }: Fact, { xattrs: right }: Fact): string[] {
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((xattr) => left.get(xattr) !== right.get(xattr))
    .map((xattr) => `${name}: xattr ${shown(xattr)} ${text(left.get(xattr))} and ${text(right.get(xattr))}`)
}

function text(value: string | number | bigint | undefined): string {
  return value === undefined ? 'nothing' : shown(String(value))
}

/**
 * Compares two directories on disk: names, kinds, contents, modes, owners, modification times to the nanosecond, extended attributes,
 * which names are one file, devices, and where symbolic links lead. Answers a line for each difference.
 */
export function compareTrees(a: string, b: string, indifferent?: Indifferent): string[] {
  return compareFacts(factsOf(a), factsOf(b), indifferent)
}
