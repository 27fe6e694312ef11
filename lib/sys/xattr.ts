import { checkBuffer, checkFlags, checkOptions, checkPath } from './arguments.ts'
import { binding } from './binding.ts'
import { check } from './error.ts'
import type { Path } from './native.ts'

/** How an extended attribute's file is found. */
export interface XattrOptions {
  /** Take a link itself, not what it leads to (the l… calls). */
  nofollow?: boolean
}

function call(name: string, follow: boolean): string {
  return follow ? name : `l${name}`
}

function words(name: Path): string {
  return typeof name === 'string' ? name : Buffer.from(name).toString()
}

function follows(options: XattrOptions | undefined): boolean {
  return checkOptions(options).nofollow !== true
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * getxattr(2): the value of an extended attribute.
 *
 * @throws SyscallError ENODATA (there is none), ENOTSUP (the filesystem has none), ENOENT, EACCES.
 */
export async function getxattr(path: Path, name: Path, options?: XattrOptions): Promise<Buffer> {
  const follow = follows(options)
  const answer = await binding().getxattr(checkPath(path), checkPath(name, 'name'), follow)
  return asBuffer(check(answer, call('getxattr', follow), { path, detail: words(name) }))
}

/** {@link getxattr} on the calling thread. */
export function getxattrSync(path: Path, name: Path, options?: XattrOptions): Buffer {
  const follow = follows(options)
  const answer = binding().getxattrSync(checkPath(path), checkPath(name, 'name'), follow)
  return asBuffer(check(answer, call('getxattr', follow), { path, detail: words(name) }))
}

/** How {@link setxattr} writes. */
export interface SetXattrOptions extends XattrOptions {
  /** XATTR_CREATE (it must not be there) or XATTR_REPLACE (it must be). */
  flags?: number
}

function setArguments(
  path: Path,
  name: Path,
  value: Uint8Array,
  options: SetXattrOptions | undefined,
): [Path, Path, Uint8Array, number, boolean] {
  const { flags = 0, nofollow = false } = checkOptions(options)
  return [
    checkPath(path),
    checkPath(name, 'name'),
    checkBuffer(value, 'value'),
    checkFlags(flags, 'options.flags'),
    !nofollow,
  ]
}

/**
 * setxattr(2): sets an extended attribute.
 *
 * @throws SyscallError EEXIST and ENODATA (by `flags`), ENOTSUP, EPERM, ENOSPC, E2BIG.
 */
export async function setxattr(
  path: Path,
  name: Path,
  value: Uint8Array,
  options?: SetXattrOptions,
): Promise<void> {
  const args = setArguments(path, name, value, options)
  check(await binding().setxattr(...args), call('setxattr', args[4]), { path, detail: words(name) })
}

/** {@link setxattr} on the calling thread. */
export function setxattrSync(path: Path, name: Path, value: Uint8Array, options?: SetXattrOptions): void {
  const args = setArguments(path, name, value, options)
  check(binding().setxattrSync(...args), call('setxattr', args[4]), { path, detail: words(name) })
}

function splitNames(list: Uint8Array): Buffer[] {
  const bytes = asBuffer(list)
  const names: Buffer[] = []
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start)
    names.push(bytes.subarray(start, end < 0 ? bytes.length : end))
    start = end < 0 ? bytes.length : end + 1
  }
  return names
}

/** How {@link listxattr} gives the names: as Buffers, since a name may be no UTF-8. */
export interface ListXattrBufferOptions extends XattrOptions {
  encoding: 'buffer'
}

type ListXattrOptions = XattrOptions & { encoding?: 'buffer' }

/**
 * listxattr(2): the names of a file's extended attributes, in the filesystem's order.
 *
 * @throws SyscallError ENOTSUP (the filesystem has none), ENOENT, EACCES.
 */
export async function listxattr(path: Path, options: ListXattrBufferOptions): Promise<Buffer[]>
export async function listxattr(path: Path, options?: XattrOptions): Promise<string[]>
export async function listxattr(path: Path, options?: ListXattrOptions): Promise<Buffer[] | string[]> {
  const follow = follows(options)
  const answer = await binding().listxattr(checkPath(path), follow)
  const names = splitNames(check(answer, call('listxattr', follow), { path }))
  return options?.encoding === 'buffer' ? names : names.map((name) => name.toString())
}

/** {@link listxattr} on the calling thread. */
export function listxattrSync(path: Path, options: ListXattrBufferOptions): Buffer[]
export function listxattrSync(path: Path, options?: XattrOptions): string[]
export function listxattrSync(path: Path, options?: ListXattrOptions): Buffer[] | string[] {
  const follow = follows(options)
  const answer = binding().listxattrSync(checkPath(path), follow)
  const names = splitNames(check(answer, call('listxattr', follow), { path }))
  return options?.encoding === 'buffer' ? names : names.map((name) => name.toString())
}

/**
 * removexattr(2): takes an extended attribute away.
 *
 * @throws SyscallError ENODATA (there is none), ENOTSUP, EPERM, ENOENT.
 */
export async function removexattr(path: Path, name: Path, options?: XattrOptions): Promise<void> {
  const follow = follows(options)
  const answer = await binding().removexattr(checkPath(path), checkPath(name, 'name'), follow)
  check(answer, call('removexattr', follow), { path, detail: words(name) })
}

/** {@link removexattr} on the calling thread. */
export function removexattrSync(path: Path, name: Path, options?: XattrOptions): void {
  const follow = follows(options)
  const answer = binding().removexattrSync(checkPath(path), checkPath(name, 'name'), follow)
  check(answer, call('removexattr', follow), { path, detail: words(name) })
}
