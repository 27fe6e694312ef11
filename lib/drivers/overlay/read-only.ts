import { ST_RDONLY, statfs, SyscallError } from '../../sys/index.ts'

/**
 * Where the kernel cannot make its own directory in `work`, it mounts read-only and says so only in its log
 * (ovl_get_workdir(), fs/overlayfs/super.c).
 *
 * @throws SyscallError ENOSPC where the filesystem is full, else EROFS.
 */
export async function refuseReadOnly(target: string): Promise<void> {
  const { bavail, ffree, files, flags } = await statfs(target)
  if ((flags & ST_RDONLY) === 0) return
  const full = bavail === 0 || (files > 0 && ffree === 0)
  throw new SyscallError(full ? 'ENOSPC' : 'EROFS', 'mount', {
    path: target,
    detail: 'the kernel could make no directory of its own in the work directory, and mounted it read-only',
  })
}
