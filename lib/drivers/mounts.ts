import { mkdir, rmdir } from 'node:fs/promises'
import { DetachedMount, isMountPoint, list, perform, unmount, unmountTree } from '../mount/index.ts'
import type { MountPlan } from '../mount/plan.ts'
import { codeOf, removeEmptyDirectory, unless } from '../store/index.ts'
import { GraphDriverError, SyscallError } from '../sys/index.ts'
import type { MountOptions, Stack } from './driver.ts'
import { refuseAlive, type Session } from './session.ts'

/** How a mount is taken away; see `PutOptions`. */
export interface UnmountHow {
  readonly detach?: boolean | undefined
  readonly recursive?: boolean | undefined
}

/** Whether something is mounted at a layer's mount point. A missing mount point holds no mount. */
export async function isMounted(target: string): Promise<boolean> {
  return unless(isMountPoint(target, { nofollow: true }), ['ENOENT'], false)
}

/**
 * Sees to it that the union of a stack is mounted, and that it is this one. A mount that was found there is taken over when
 * it is right; when it is wrong, it is replaced if nobody holds it.
 *
 * @returns whether it was mounted now.
 * @throws GraphDriverError ERR_MOUNT_MISMATCH, ERR_LAYER_IN_USE, ERR_LAYER_BUSY; SyscallError
 */
export async function ensureMounted(
  session: Session,
  stack: Stack,
  plan: MountPlan,
  options: MountOptions & { readonly held: boolean },
): Promise<boolean> {
  const { target } = stack.layer
  await mkdir(target, { recursive: true, mode: 0o755 })
  if (await isMounted(target)) {
    if (await isRight(session, stack, plan, options.held)) return false
    await takeDown(session, stack.layer.id, target)
  }
  if (!plan.readOnly) await refuseAlive(session, stack)
  await session.driver.beforeMount?.(stack, options)
  try {
    await perform(plan, target)
  } catch (error) {
    throw await explain(session, stack, plan, error)
  }
  try {
    await session.driver.verify?.(target, plan, 'made')
  } catch (error) {
    await unmount(target)
    throw error
  }
  return true
}

async function isRight(session: Session, stack: Stack, plan: MountPlan, held: boolean): Promise<boolean> {
  try {
    await session.driver.verify?.(stack.layer.target, plan, 'found')
    return true
  } catch (error) {
    const wanted = held || session.store.locks.heldElsewhere('use', stack.layer.id)
    if (wanted || codeOf(error) !== 'ERR_MOUNT_MISMATCH') throw error
    return false
  }
}

async function explain(session: Session, stack: Stack, plan: MountPlan, error: unknown): Promise<unknown> {
  if (!(error instanceof SyscallError) || error.detail !== undefined) return error
  const detail = await session.driver.explain?.(error, plan, stack)
  return detail === undefined ? error : error.with({ detail })
}

/**
 * Unmounts a layer's union, with patience.
 *
 * @throws GraphDriverError ERR_LAYER_BUSY naming the mounts below, or the processes that are in it.
 */
export async function takeDown(
  session: Session,
  id: string,
  target: string,
  how: UnmountHow = {},
): Promise<void> {
  await session.driver.beforeUnmount?.(target)
  try {
    if (how.recursive) await unmountTree(target, { detach: how.detach ?? false })
    else await unmount(target, { detach: how.detach ?? false })
  } catch (error) {
    throw codeOf(error) === 'EBUSY' ? await busy(id, target, error) : error
  }
  // rmdir is a lazy unmount of the copies in other namespaces, so only for who wants the mount gone whoever uses it.
  if (how.detach) await renewMountPoint(target)
}

async function renewMountPoint(target: string): Promise<void> {
  await rmdir(target)
  await mkdir(target, { mode: 0o755 })
}

async function busy(id: string, target: string, cause: unknown): Promise<GraphDriverError> {
  const below = (await list({ prefix: target }))
    .map((entry) => entry.mountPoint)
    .filter((path) => path !== target)
  const detail = cause instanceof SyscallError ? cause.detail : undefined
  const why =
    below.length > 0
      ? `there are mounts below it (${below.join(', ')}); { recursive: true } takes them down first`
      : `${detail ?? 'something still uses it'}; { detach: true } takes it away all the same`
  return new GraphDriverError('ERR_LAYER_BUSY', `layer "${id}" cannot be unmounted from ${target}: ${why}`, {
    cause,
    id,
    path: target,
    ...(detail === undefined ? {} : { detail }),
  })
}

/** A read-only copy of what a directory shows, in a directory of its own: cheap, whatever the number of layers. */
export async function makeView(session: Session, id: string, source: string): Promise<string> {
  const view = await session.store.views.make(id)
  try {
    await using copy = await DetachedMount.clone(source)
    await copy.setAttributes({ readOnly: true })
    await copy.attach(view)
    return view
  } catch (error) {
    await removeEmptyDirectory(view)
    session.store.views.forget(view)
    throw error
  }
}

/** Takes a view away. */
export async function dropView(
  session: Session,
  id: string,
  view: string,
  how: UnmountHow = {},
): Promise<void> {
  if (await isMounted(view)) {
    try {
      if (how.recursive) await unmountTree(view, { detach: how.detach ?? false })
      else await unmount(view, { detach: how.detach ?? false })
    } catch (error) {
      throw codeOf(error) === 'EBUSY' ? await busy(id, view, error) : error
    }
  }
  await removeEmptyDirectory(view)
  session.store.views.forget(view)
}
