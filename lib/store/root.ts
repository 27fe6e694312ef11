import { chmod, chown, lstat, mkdir, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, resolve } from 'node:path'
import { invalidType, invalidValue } from '../sys/arguments.ts'
import { SyscallError } from '../sys/index.ts'
import { codeOf, explained, namesIn, unless } from './files.ts'
import { step } from './step.ts'

/** Refuses a root that is no absolute path, with Node's own codes. */
export function checkRoot(root: unknown): asserts root is string {
  if (typeof root !== 'string') throw invalidType('root', 'of type string', root)
  if (root.includes('\0')) throw invalidValue('root', 'must be a path without null bytes', root)
  if (!isAbsolute(root)) throw invalidValue('root', 'must be an absolute path', root)
}

/** Where a root really lies: its links resolved, also when it is not made yet. Answers the nearest directory that exists, too. */
export async function locateRoot(root: string): Promise<{ root: string; existing: string }> {
  let existing = resolve(root)
  const missing: string[] = []
  for (;;) {
    const real = await resolveLinks(existing)
    if (real !== undefined) {
      await requireDirectory(real)
      return { root: resolve(real, ...missing), existing: real }
    }
    if (await isPresent(existing)) continue
    missing.unshift(existing.slice(existing.lastIndexOf('/') + 1))
    existing = dirname(existing)
  }
}

async function resolveLinks(path: string): Promise<string | undefined> {
  try {
    return await unless(realpath(path), ['ENOENT'], undefined)
  } catch (error) {
    throw explained(error, 'the root of a store cannot be reached')
  }
}

/**
 * Makes a root, its parents too, and sets its mode: 0710 for a group that may pass through, else 0700.
 *
 * @throws SyscallError with the kernel's code: EROFS, EACCES, ENOTDIR, …
 */
export async function makeRoot(root: string, group: number | undefined): Promise<void> {
  try {
    await makeParents(dirname(root))
    await unless(mkdir(root, { mode: 0o700 }), ['EEXIST'], undefined)
    await step('made root')
    if (group !== undefined) await letPass(root, group)
    // A directory that holds other things too keeps its mode; the store's own in it are closed anyway.
    else if ((await namesIn(root)).length === 0) await chmod(root, 0o700)
  } catch (error) {
    throw explained(
      error,
      'the root of a store cannot be made here; what is there can be read with { readOnly: true }',
    )
  }
}

/** Makes a directory and those above it. Node's own way to do that may say ENOENT where the disk is full. */
async function makeParents(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return
    if (code !== 'ENOENT') throw error
    await makeParents(dirname(path))
    await unless(mkdir(path), ['EEXIST'], undefined)
  }
}

/** Lets a group pass through a directory, without reading it. */
export async function letPass(path: string, group: number): Promise<void> {
  const { gid, mode } = await lstat(path)
  // One that is so already keeps its times: by them a sweep sees whether anything changed.
  if (gid === group && (mode & 0o7777) === 0o710) return
  await chown(path, -1, group)
  await chmod(path, 0o710)
}

/** Which of these directories of a root hold something. */
export async function filled(root: string, directories: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const name of directories) {
    const stats = await unless(lstat(resolve(root, name)), ['ENOENT'], undefined)
    if (stats === undefined) continue
    if (!stats.isDirectory() || (await namesIn(resolve(root, name))).length > 0) found.push(name)
  }
  return found
}

/** Whether something is there after all: another process may have made it just now. A link without a target is an error. */
async function isPresent(path: string): Promise<boolean> {
  const stats = await unless(lstat(path), ['ENOENT'], undefined)
  if (stats?.isSymbolicLink() !== true) return stats !== undefined
  throw new SyscallError('ENOENT', 'realpath', { path, detail: 'it is a link that leads nowhere' })
}

async function requireDirectory(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isDirectory()) return
    await lstat(`${path}/.`)
  } catch (error) {
    throw explained(error, 'the root of a store has to be a directory')
  }
}
