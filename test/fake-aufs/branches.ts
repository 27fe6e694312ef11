import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

export interface Branch {
  readonly id: number
  readonly path: string
  permission: string
}

/** A negative errno, and the kernel's own words where it has any. */
export class Refusal extends Error {
  readonly code: string
  constructor(code: string, words = '') {
    super(words)
    this.code = code
  }
}

/** How a branch was named: at a remount, and of a union that is mounted there. */
export interface Where {
  readonly remount: boolean
  readonly target?: string | undefined
}

export function isSame(one: string, other: string): boolean {
  const [a, b] = [statSync(one), statSync(other)]
  return a.dev === b.dev && a.ino === b.ino
}

export function isWritable(permission: string): boolean {
  return permission.startsWith('rw')
}

/** aufs's own files in the root of every branch that it writes to. They stay there after an unmount. */
const HOUSE: readonly [name: string, kind: 'file' | 'directory'][] = [
  ['.wh..wh.aufs', 'file'],
  ['.wh..wh.plnk', 'directory'],
  ['.wh..wh.orph', 'directory'],
]

export function keepHouse(path: string): void {
  for (const [name, wanted] of HOUSE) {
    const stats = lstatSync(join(path, name), { throwIfNoEntry: false })
    const kind = stats && (stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other')
    if (kind !== undefined && kind !== wanted) throw new Refusal('EEXIST')
    if (kind !== undefined) continue
    if (wanted === 'file') writeFileSync(join(path, name), '', { mode: 0o444 })
    else mkdirSync(join(path, name), { mode: 0o700 })
  }
}

/** They go when the branch may not be written to any more. */
function leaveHouse(path: string): void {
  for (const [name] of HOUSE) rmSync(join(path, name), { recursive: true, force: true })
}

/** The directory of a path that a call names; the lookup's own errno otherwise (au_fsctx_parse_del()). */
export function lookUpRaw(path: string): void {
  try {
    closeSync(openSync(`${path}/`, 'r'))
  } catch (error) {
    throw new Refusal((error as NodeJS.ErrnoException).code ?? 'EIO')
  }
}

/** One that is not there is success at a remount: au_br_del(), au_br_mod(). */
function found(branches: readonly Branch[], path: string, { remount }: Where): Branch | undefined {
  const branch = branches.find((one) => isSame(one.path, path))
  if (branch === undefined && !remount) throw new Refusal('ENOENT')
  return branch
}

/** au_br_del() in fs/aufs/branch.c. */
export function removeBranch(branches: Branch[], path: string, where: Where): void {
  const branch = found(branches, path, where)
  if (branch === undefined) return
  if (branches.length === 1 || holdsOpenFile(branches, branch, where.target)) throw new Refusal('EBUSY')
  branches.splice(branches.indexOf(branch), 1)
}

/** au_br_mod() in fs/aufs/branch.c. */
export function modifyBranch(branches: Branch[], path: string, permission: string, where: Where): void {
  const branch = found(branches, path, where)
  if (branch === undefined || branch.permission === permission) return
  if (isWritable(branch.permission) && !isWritable(permission)) {
    if (where.target !== undefined && isProgramRunning(where.target)) throw new Refusal('EBUSY')
    leaveHouse(branch.path)
  } else if (isWritable(permission)) {
    keepHouse(branch.path)
  }
  branch.permission = permission
}

function links(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    try {
      return [readlinkSync(join(directory, name))]
    } catch {
      return []
    }
  })
}

/** This process has a file of the union open whose topmost branch is this one. */
function holdsOpenFile(branches: readonly Branch[], branch: Branch, target: string | undefined): boolean {
  if (target === undefined) return false
  return links('/proc/self/fd')
    .filter((path) => path.startsWith(`${target}/`))
    .map((path) => path.slice(target.length))
    .some((name) => branches.find(({ path }) => existsSync(join(path, name))) === branch)
}

/** Programs are what the double knows of mapped files. */
function isProgramRunning(target: string): boolean {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.some((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/exe`).startsWith(`${target}/`)
    } catch {
      return false
    }
  })
}
