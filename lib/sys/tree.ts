import { checkOptions, checkPath } from './arguments.ts'
import { binding } from './binding.ts'
import { SyscallError } from './error.ts'
import { splitAt } from './file.ts'
import type { PathAt } from './file.ts'
import type { Path, TreeFailure } from './native.ts'

/** Bits of copyTree's flags. */
const lenientBit = 1

/** Answers the count, or throws with the whole path of the entry that failed. */
function counted(answer: number | TreeFailure, syscall: string, root: Path, dest?: Path): number {
  if (typeof answer === 'number') {
    if (answer < 0) throw new SyscallError(answer, syscall, { path: root, dest })
    return answer
  }
  throw new SyscallError(answer.errno, answer.syscall, { path: below(root, answer.path), dest })
}

function below(root: Path, path: Uint8Array): Path {
  if (path.length === 0) return root
  return Buffer.concat([Buffer.from(root as string), Buffer.from('/'), path])
}

/**
 * Deletes a directory and all below it. Never follows a link, and never enters or removes another mount.
 *
 * @returns how many entries were deleted, the directory included.
 * @throws SyscallError of the call that failed, with the entry's path: EBUSY (a mount below: what was met before it is
 * gone), ENOTDIR (no directory), ELOOP (a link), ENOENT, EACCES, EROFS.
 */
export async function removeTree(at: Path | PathAt): Promise<number> {
  const [dirfd, path] = splitAt(at)
  return counted(await binding().removeTree(dirfd, path), 'unlinkat', path)
}

/** {@link removeTree} on the calling thread. */
export function removeTreeSync(at: Path | PathAt): number {
  const [dirfd, path] = splitAt(at)
  return counted(binding().removeTreeSync(dirfd, path), 'unlinkat', path)
}

/** How {@link copyTree} copies. */
export interface CopyTreeOptions {
  /** Go on where an owner, a device or an extended attribute may not be set (EPERM, ENOTSUP). */
  lenient?: boolean
}

function copyArguments(from: Path, to: Path, options: CopyTreeOptions | undefined): [Path, Path, number] {
  const { lenient = false } = checkOptions(options)
  return [checkPath(from, 'from'), checkPath(to, 'to'), lenient ? lenientBit : 0]
}

/**
 * Copies what is in a directory into another that exists and is empty, and the attributes of the directory itself:
 * owners, modes, nanosecond times, extended attributes, hard links, devices, fifos, links and holes. Uses reflinks
 * where the filesystem has them. Sockets are left out; other mounts are not entered.
 *
 * @returns how many entries were copied.
 * @throws SyscallError of the call that failed, with the entry's path; EEXIST when `to` holds such a name already.
 */
export async function copyTree(from: Path, to: Path, options?: CopyTreeOptions): Promise<number> {
  return counted(await binding().copyTree(...copyArguments(from, to, options)), 'copy_file_range', from, to)
}

/** {@link copyTree} on the calling thread. */
export function copyTreeSync(from: Path, to: Path, options?: CopyTreeOptions): number {
  return counted(binding().copyTreeSync(...copyArguments(from, to, options)), 'copy_file_range', from, to)
}
