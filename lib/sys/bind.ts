import { checkBytes } from './arguments.ts'
import { binding } from './binding.ts'
import { SyscallError } from './error.ts'

/** The calls that native names by their number. */
const CALLS = ['open_tree', 'mount_setattr', 'move_mount'] as const

interface Change {
  readonly set: bigint
  readonly clear: bigint
}

/**
 * open_tree(2) of a copy, mount_setattr(2) and move_mount(2) in one job: a bind mount that has its attributes before anybody sees it. Linux
 * 5.12.
 *
 * @param how MOUNT_ATTR_* of the mount, and of it with all mounts below; `below`: those are copied too.
 * @throws SyscallError of the call that failed: ENOENT, EINVAL, EPERM, ENOSYS.
 */
export async function bindCopy(
  source: string,
  target: string,
  how: { readonly below: boolean; readonly own: Change; readonly all: Change },
): Promise<void> {
  const { below, own, all } = how
  const paths = [checkBytes(source, 'source'), checkBytes(target, 'target')] as const
  const answer = await binding().bindCopy(...paths, below, own.set, own.clear, all.set, all.clear)
  if (answer === 0) return
  const { errno, step } = typeof answer === 'number' ? { errno: answer, step: 0 } : answer
  throw new SyscallError(errno, CALLS[step] ?? 'move_mount', { path: source, dest: target })
}
