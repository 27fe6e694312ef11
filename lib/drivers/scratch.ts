import { constants } from 'node:fs'
import { type FileHandle, mkdtemp, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { unmountTree } from '../mount/index.ts'
import { codeOf, deleteTree, explained, present, step, unless } from '../store/index.ts'
import { tell } from '../sys/events.ts'
import { F_RDLCK, F_UNLCK, F_WRLCK, getLockSync, MNT_DETACH, setLockSync, umount2 } from '../sys/index.ts'

/** Names of scratch directories: the process that made them is in the name, so that those of dead ones can be told. */
const PREFIX = '.graphdriver-probe-'

/** A trial takes milliseconds. One that is not locked and older than this many is nobody's, though a process has its number. */
const OLD_MS = 10_000

/**
 * Calls `work` with an empty directory below an existing one, and deletes it afterwards. What dead processes left there of the
 * kind is deleted too.
 *
 * @throws SyscallError with the kernel's code where nothing can be made: EROFS, EACCES, ENOSPC, …
 */
export async function withScratch<T>(below: string, work: (directory: string) => Promise<T>): Promise<T> {
  await sweepScratch(below)
  let directory: string
  try {
    directory = await mkdtemp(join(below, `${PREFIX}${String(process.pid)}-`))
  } catch (error) {
    throw explained(error, 'nothing can be written here; what is there can be read with { readOnly: true }')
  }
  await step('made scratch')
  const handle = await openDirectory(directory)
  let result: T
  try {
    lock(handle)
    result = await work(directory)
  } catch (error) {
    // The first failure tells why; what is left is swept when it is old.
    await clear(directory, handle).catch(() => undefined)
    throw error
  }
  await clear(directory, handle)
  return result
}

/** Unmounts what was mounted to try it. Whoever looks at it just now does not keep it there: it goes when he is done. */
export async function unmountTrial(path: string): Promise<void> {
  try {
    await umount2(path, 0)
  } catch {
    await umount2(path, MNT_DETACH)
  }
}

async function clear(directory: string, handle: FileHandle | undefined): Promise<void> {
  try {
    await deleteTree(directory)
  } finally {
    await handle?.close()
  }
  await step('deleted scratch')
}

async function sweepScratch(below: string): Promise<void> {
  for (const name of await readdir(below)) {
    const pid = name.startsWith(PREFIX) ? /^\d+/.exec(name.slice(PREFIX.length))?.[0] : undefined
    if (pid !== undefined && (await isAbandoned(join(below, name), pid))) await discard(join(below, name))
  }
}

/** In a directory that everybody may write to, somebody else's may have such a name, too: a link, say. */
async function isAbandoned(directory: string, pid: string): Promise<boolean> {
  const handle = await openDirectory(directory)
  if (handle === undefined) return false
  try {
    const { uid, mtimeMs } = await handle.stat()
    if (uid !== process.geteuid?.() || isLocked(handle)) return false
    return !(await present(`/proc/${pid}`)) || Date.now() - mtimeMs > OLD_MS
  } finally {
    await handle.close()
  }
}

async function openDirectory(path: string): Promise<FileHandle | undefined> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
  return unless(open(path, flags), ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'], undefined)
}

/** For those who do not see this process: it may be in another PID namespace. Not every filesystem locks directories. */
function lock(handle: FileHandle | undefined): void {
  if (handle === undefined) return
  try {
    setLockSync(handle.fd, F_RDLCK, 0, 1)
  } catch (error) {
    if (!UNLOCKABLE.includes(codeOf(error) ?? '')) throw error
  }
}

function isLocked(handle: FileHandle): boolean {
  try {
    return getLockSync(handle.fd, F_WRLCK, 0, 1) !== F_UNLCK
  } catch (error) {
    if (!UNLOCKABLE.includes(codeOf(error) ?? '')) throw error
    return false
  }
}

const UNLOCKABLE = ['EACCES', 'EBADF', 'EINVAL', 'ENOLCK', 'ENOTSUP', 'EISDIR']

/** Whoever died in the middle may have left his trial mounted. What cannot be taken away, or goes meanwhile, is no reason to fail. */
async function discard(directory: string): Promise<void> {
  await unless(unmountTree(directory, { detach: true }), ['ENOENT', 'EINVAL', 'EPERM'], undefined)
  await unless(deleteTree(directory), ['EBUSY', 'EXDEV', 'EACCES', 'EPERM'], undefined)
  if (!(await present(directory))) tell('sweep', () => ({ what: 'trial', path: directory }))
}
