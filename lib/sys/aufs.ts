import { checkOptions, checkPath, invalidValue } from './arguments.ts'
import { binding } from './binding.ts'
import { check, SyscallError } from './error.ts'
import { splitAt } from './file.ts'
import type { PathAt } from './file.ts'
import { unescapeBytes } from './mountinfo.ts'
import type { FlatBranches, Path, TreeFailure } from './native.ts'

/** One branch of an aufs union. */
export interface AufsBranch {
  /** The kernel's number of it, which stays the same while others come and go. */
  id: number
  /** `rw`, `ro` or `rr`, and attributes after a plus: `ro+wh`. */
  permission: string
  path: string
}

/** include/uapi/linux/aufs_type.h: AuBrPerm_*, AuBrAttr_*, as far as a graph driver meets them. */
const permissions: ReadonlyArray<[bit: number, word: string]> = [
  [1, 'rw'],
  [2, 'ro'],
  [4, 'rr'],
]
const attributes: ReadonlyArray<[bit: number, word: string]> = [
  [0x1000, 'wh'],
  [0x2000, 'nolwh'],
]

function permissionWords(bits: number): string {
  const word = permissions.find(([bit]) => bits & bit)?.[1] ?? String(bits)
  return [word, ...attributes.filter(([bit]) => bits & bit).map(([, name]) => name)].join('+')
}

function decode(text: string): string {
  return Buffer.from(unescapeBytes(text), 'latin1').toString()
}

function toBranches({ rows, text }: FlatBranches): AufsBranch[] {
  const branches: AufsBranch[] = []
  for (let at = 0; at < rows.length; at += 4) {
    const [id = 0, bits = 0, start = 0, end = 0] = rows.subarray(at, at + 4)
    branches.push({ id, permission: permissionWords(bits), path: decode(text.slice(start, end)) })
  }
  return branches
}

function toNames(bytes: Uint8Array): string[] {
  return Buffer.from(bytes).toString('latin1').split('\0').slice(0, -1)
}

const sysfs = '/sys/fs/aufs'

/**
 * The branches of the aufs union that a directory is in, the first one first (ioctl AUFS_CTL_BRINFO).
 *
 * @param at a directory; a link at the end is refused.
 * @throws SyscallError ENOTTY (no aufs), ENOENT, ENOTDIR, EACCES.
 */
export async function aufsBranches(at: Path | PathAt): Promise<AufsBranch[]> {
  const [dirfd, path] = splitAt(at)
  return toBranches(check(await binding().aufsBranches(dirfd, path), 'ioctl', { path }))
}

/** {@link aufsBranches} on the calling thread. */
export function aufsBranchesSync(at: Path | PathAt): AufsBranch[] {
  const [dirfd, path] = splitAt(at)
  return toBranches(check(binding().aufsBranchesSync(dirfd, path), 'ioctl', { path }))
}

/**
 * The names of all aufs unions that are alive, mounted in any namespace, or detached and still in use: `si_` and
 * a number in hexadecimal, which mountinfo shows as `si=`. Do not read the files of that name in sysfs: a union that is
 * being unmounted crashes the kernel then.
 *
 * @param path where the kernel shows them.
 * @throws SyscallError ENOENT (no aufs in this kernel, or no sysfs here).
 */
export async function aufsUnions(path: Path = sysfs): Promise<string[]> {
  const checked = checkPath(path)
  return toNames(check(await binding().aufsUnions(checked), 'open', { path }))
}

/** {@link aufsUnions} on the calling thread. */
export function aufsUnionsSync(path: Path = sysfs): string[] {
  const checked = checkPath(path)
  return toNames(check(binding().aufsUnionsSync(checked), 'open', { path }))
}

/** What {@link aufsFlush} flushes. */
export interface AufsFlushOptions {
  /** The directories of all writable branches of the union. */
  branches: readonly Path[]
  /**
   * The union's number, as its mount options show it after `si=`. With it the kernel's notes are dropped as well, and the files that it keeps
   * for them in the branches. Left out: the names are linked, and the notes stay, so that nobody who works in the union is disturbed.
   */
  si?: string
}

/** The file of the maintenance mode, fs/aufs/procfs.c. */
export const AUFS_PLINK_MAINT = '/proc/fs/aufs/plink_maint'

/**
 * Flushes the pseudo-links of an aufs union, as `auplink <union> flush` does.
 *
 * Where a file has several names on a lower branch and is written through one of them, aufs copies that name up and only remembers which
 * others there are: unmounted, they show what is below. This gives each of them its place in the writable branch. Without any
 * pseudo-links it looks at one directory a branch.
 *
 * With `si` this takes CAP_SYS_ADMIN and a maintenance mode of the union, in which others who work in it wait or are told EAGAIN. The tree is walked
 * before that; only for what comes in between it is walked again.
 *
 * @param at the union's root; a link at the end is refused.
 * @returns how many names were touched.
 * @throws SyscallError of the call that failed, with the path of the name: ENOTTY (no aufs), ENOENT, ENOTDIR; ENOSPC, EDQUOT, EROFS (no
 * name can be made in the branch), EPERM (chattr +i; the other names are done all the same), EAGAIN (somebody else has it in maintenance).
 * With the path {@link AUFS_PLINK_MAINT} all names are in their place, and only the notes were not dropped: EBUSY (somebody else has it
 * in maintenance), EINVAL (there is no such union), EACCES, ENOENT.
 */
export async function aufsFlush(at: Path | PathAt, options: AufsFlushOptions): Promise<number> {
  const [dirfd, path] = splitAt(at)
  return flushed(await binding().aufsFlush(dirfd, path, ...flushArguments(options)), path)
}

/** {@link aufsFlush} on the calling thread. */
export function aufsFlushSync(at: Path | PathAt, options: AufsFlushOptions): number {
  const [dirfd, path] = splitAt(at)
  return flushed(binding().aufsFlushSync(dirfd, path, ...flushArguments(options)), path)
}

function flushArguments(options: AufsFlushOptions): [branches: Uint8Array, si: string | null] {
  const { branches, si } = checkOptions<AufsFlushOptions>(options)
  if (!Array.isArray(branches)) throw invalidValue('options.branches', 'must be an array of paths', branches)
  if (si !== undefined && (typeof si !== 'string' || !/^[0-9a-f]{1,16}$/i.test(si))) {
    throw invalidValue('options.si', 'must be up to 16 hexadecimal digits', si)
  }
  const paths = (branches as Path[]).map((branch, index) =>
    Buffer.from(checkPath(branch, `options.branches[${String(index)}]`) as string),
  )
  return [Buffer.concat(paths.flatMap((bytes) => [bytes, Buffer.of(0)])), si ?? null]
}

function flushed(answer: number | TreeFailure, root: Path): number {
  if (typeof answer === 'number') return check(answer, 'openat', { path: root })
  const { errno, syscall, path } = answer
  const where = syscall === 'open' || syscall === 'write' ? AUFS_PLINK_MAINT : below(root, path)
  throw new SyscallError(errno, syscall, { path: where })
}

/** What lies in a writable branch is told with its whole path. */
function below(root: Path, path: Uint8Array): Path {
  if (path.length === 0) return root
  if (path[0] === 0x2f) return path
  return Buffer.concat([Buffer.from(root as string), Buffer.from('/'), path])
}
