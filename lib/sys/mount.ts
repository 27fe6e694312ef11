import { checkBytes, checkFlags, checkName, checkOptional, checkPath } from './arguments.ts'
import { binding } from './binding.ts'
import { check } from './error.ts'
import type { Path } from './native.ts'

type MountArguments = [Path | null, Path, string | null, number, Path | null]

function mountArguments(
  source: Path | null | undefined,
  target: Path,
  type: string | null | undefined,
  flags: number,
  data: Path | null | undefined,
): MountArguments {
  return [
    checkOptional(source, 'source', checkBytes),
    checkPath(target, 'target'),
    checkOptional(type, 'type', checkName),
    checkFlags(flags),
    checkOptional(data, 'data', checkBytes),
  ]
}

/**
 * mount(2): mounts, remounts, binds, moves or changes the propagation of a mount, as `flags` say.
 *
 * @param source what is mounted: a device, a directory (MS_BIND, MS_MOVE) or a word that only shows in mountinfo;
 * null where the call ignores it. It may be empty, where a filesystem does not ask for one.
 * @param target an existing directory, or a file where the source is one. A symbolic link is followed.
 * @param type name of the filesystem, as in /proc/filesystems; null where the call ignores it.
 * @param flags MS_*.
 * @param data the filesystem's own options, separated by commas.
 * @throws SyscallError E2BIG when `data` has a page or more (the kernel would cut it silently); EPERM, ENOENT, ENODEV
 * (no such filesystem), EBUSY, EINVAL and others of mount(2).
 */
export async function mount(
  source: Path | null,
  target: Path,
  type: string | null,
  flags = 0,
  data: Path | null = null,
): Promise<void> {
  const args = mountArguments(source, target, type, flags, data)
  check(await binding().mount(...args), 'mount', { path: source, dest: target })
}

/** {@link mount} on the calling thread. */
export function mountSync(
  source: Path | null,
  target: Path,
  type: string | null,
  flags = 0,
  data: Path | null = null,
): void {
  const args = mountArguments(source, target, type, flags, data)
  check(binding().mountSync(...args), 'mount', { path: source, dest: target })
}

/**
 * mount(2) from a thread of its own whose working directory is `directory`, so that `source`, `target` and the
 * paths in `data` may be relative and short. The process's own working directory stays as it is.
 *
 * @param directory where relative names begin, `/proc/self/fd` for example; the rest is as for {@link mount}.
 * @throws SyscallError as {@link mount}, and ENOENT or ENOTDIR for the directory.
 */
export async function mountAt(
  directory: Path,
  source: Path | null,
  target: Path,
  type: string | null,
  flags = 0,
  data: Path | null = null,
): Promise<void> {
  const args = mountArguments(source, target, type, flags, data)
  check(await binding().mountAt(checkPath(directory, 'directory'), ...args), 'mount', {
    path: source,
    dest: target,
  })
}

/** {@link mountAt}; the calling thread waits. */
export function mountAtSync(
  directory: Path,
  source: Path | null,
  target: Path,
  type: string | null,
  flags = 0,
  data: Path | null = null,
): void {
  const args = mountArguments(source, target, type, flags, data)
  check(binding().mountAtSync(checkPath(directory, 'directory'), ...args), 'mount', {
    path: source,
    dest: target,
  })
}

/**
 * umount2(2): takes a mount away.
 *
 * @param target the mount point. A symbolic link is followed unless UMOUNT_NOFOLLOW is given.
 * @param flags MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW.
 * @throws SyscallError EBUSY (files are open there, or mounts lie below), EINVAL (not a mount point), ENOENT, EPERM;
 * EAGAIN with MNT_EXPIRE at the first call.
 */
export async function umount2(target: Path, flags = 0): Promise<void> {
  const path = checkPath(target, 'target')
  check(await binding().umount2(path, checkFlags(flags)), 'umount2', { path })
}

/** {@link umount2} on the calling thread. */
export function umount2Sync(target: Path, flags = 0): void {
  const path = checkPath(target, 'target')
  check(binding().umount2Sync(path, checkFlags(flags)), 'umount2', { path })
}
