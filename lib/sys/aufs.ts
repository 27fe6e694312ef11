import { checkPath } from './arguments.ts'
import { binding } from './binding.ts'
import { check } from './error.ts'
import { splitAt } from './file.ts'
import type { PathAt } from './file.ts'
import { unescapeBytes } from './mountinfo.ts'
import type { FlatBranches, Path } from './native.ts'

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
