import { mkdir, rmdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { isMountPoint, list, mount, perform, unmount, unmountTree } from '../mount/index.ts'
import { commandOf } from '../mount/holders.ts'
import type { MountPlan } from '../mount/plan.ts'
import { codeOf, ensureDirectory, removeEmptyDirectory, step, unless } from '../store/index.ts'
import { tell } from '../sys/events.ts'
import { GraphDriverError, SyscallError } from '../sys/index.ts'
import type { MountOptions, Stack } from './driver.ts'
import { patiently } from './patience.ts'
import { inUse, pathsOf, type Session } from './session.ts'

/** How a mount is taken away; see `PutOptions`. */
export interface UnmountHow {
  readonly detach?: boolean | undefined
  readonly recursive?: boolean | undefined
  /** Its contents are to be deleted: what cannot be written down is no reason to keep it. */
  readonly discard?: boolean | undefined
  /** It stays, though nobody holds it then. */
  readonly keep?: boolean | undefined
}

/** Whether something is mounted at a layer's mount point. A missing mount point holds no mount. */
export async function isMounted(target: string): Promise<boolean> {
  // A union of aufs whose pseudo-links somebody maintains answers nobody meanwhile.
  return patiently(['EAGAIN'], () => unless(isMountPoint(target, { nofollow: true }), ['ENOENT'], false))
}

/**
 * Sees to it that the union of a stack is mounted, and that it is this one. A mount that was found there is taken over when
 * it is right; when it is wrong, it is replaced if nobody holds it.
 *
 * @param plans what may be found there; the first of them is mounted where nothing is.
 * @returns the plan that is mounted, and whether it was mounted now.
 * @throws GraphDriverError ERR_MOUNT_MISMATCH, ERR_LAYER_IN_USE, ERR_LAYER_BUSY; SyscallError
 */
export async function ensureMounted(
  session: Session,
  stack: Stack,
  plans: readonly MountPlan[],
  options: MountOptions & { readonly held: boolean },
): Promise<{ plan: MountPlan; made: boolean }> {
  const { target } = stack.layer
  const [plan] = plans
  if (plan === undefined) throw new TypeError('a union has a plan')
  if (await mountedAtOnce(session, stack, plan)) {
    await step('mounted')
    return { plan, made: true }
  }
  if (await ensureDirectory(target, 0o755)) await step('made mount point')
  if (await isMounted(target)) {
    const found = await rightOf(session, stack, plans, options.held)
    if (found !== undefined) return { plan: found, made: false }
    await takeDown(session, stack.layer.id, target)
    const message = `what was mounted at ${target} was not what its layer needs; it is mounted anew`
    tell('warning', () => ({ code: 'MOUNT_REPLACED', message, path: target }))
  }
  if (!plan.readOnly) await refuseAlive(session, stack)
  await session.driver.beforeMount?.(stack, options)
  try {
    await performExclusively(session, plan, target)
  } catch (error) {
    throw await explain(session, stack, plan, error)
  }
  await step('mounted')
  try {
    await session.driver.verify?.(target, plan, 'made')
  } catch (error) {
    await unmount(target)
    throw error
  }
  return { plan, made: true }
}

/** What nearly every mount is: a hop to a thread and back for each of its steps would cost more than the steps. */
async function mountedAtOnce({ driver }: Session, stack: Stack, plan: MountPlan): Promise<boolean> {
  const { target } = stack.layer
  const { type, form } = plan
  const began = performance.now()
  if ((await driver.mountAtOnce?.(target, plan, stack)) !== true) return false
  tell('mount', () => ({ target, type, form, milliseconds: performance.now() - began }))
  return true
}

async function performExclusively({ driver }: Session, plan: MountPlan, target: string): Promise<void> {
  if (driver.exclusive === undefined) await perform(plan, target)
  else await driver.exclusive(() => perform(plan, target))
}

/** Which of the plans is mounted. None: the mount is wrong, and nobody holds it. */
async function rightOf(
  session: Session,
  stack: Stack,
  plans: readonly MountPlan[],
  held: boolean,
): Promise<MountPlan | undefined> {
  let first: unknown
  for (const plan of plans) {
    try {
      await session.driver.verify?.(stack.layer.target, plan, 'found')
      return plan
    } catch (error) {
      if (codeOf(error) !== 'ERR_MOUNT_MISMATCH') throw error
      first ??= error
    }
  }
  if (held || session.store.locks.heldElsewhere('use', stack.layer.id)) throw first
  return undefined
}

async function explain(session: Session, stack: Stack, plan: MountPlan, error: unknown): Promise<unknown> {
  if (!(error instanceof SyscallError) || error.detail !== undefined) return error
  const detail = await session.driver.explain?.(error, plan, stack)
  return detail === undefined ? error : error.with({ detail })
}

/**
 * Unmounts a layer's union, with patience.
 *
 * @throws GraphDriverError ERR_LAYER_BUSY naming the mounts below, or the processes that are in it, or what it would lose.
 */
export async function takeDown(
  session: Session,
  id: string,
  target: string,
  how: UnmountHow = {},
): Promise<void> {
  await settleContents(session, id, target, how)
  try {
    if (how.recursive) await unmountTree(target, { detach: how.detach ?? false })
    else await unmount(target, { detach: how.detach ?? false })
  } catch (error) {
    throw codeOf(error) === 'EBUSY' ? await busy(id, target, error) : error
  }
  await step('unmounted')
  // rmdir is a lazy unmount of the copies in other namespaces, so only for who wants the mount gone whoever uses it.
  if (how.detach) await renewMountPoint(target)
}

/** As `takeDown`, where something is mounted at all: somebody may have unmounted it behind our back. */
export async function takeDownIfThere(
  session: Session,
  id: string,
  target: string,
  how: UnmountHow = {},
): Promise<void> {
  if (session.driver.beforeUnmount !== undefined || how.recursive) {
    if (await isMounted(target)) await takeDown(session, id, target, how)
    return
  }
  // Nothing has to be done before, so the unmount itself tells whether there was something.
  try {
    await takeDown(session, id, target, how)
  } catch (error) {
    if (!NO_MOUNT.includes(codeOf(error) ?? '') || (await isMounted(target))) throw error
  }
}

const NO_MOUNT = ['EINVAL', 'ENOENT']

/** What the union alone knows is written down first; what cannot be is lost only when the caller says so. */
async function settleContents(
  { driver, layout }: Session,
  id: string,
  target: string,
  how: UnmountHow,
): Promise<void> {
  try {
    await driver.beforeUnmount?.(pathsOf(layout, id))
  } catch (cause) {
    if (how.detach || how.discard) return
    if (!(cause instanceof SyscallError)) throw cause
    throw new GraphDriverError(
      'ERR_LAYER_BUSY',
      `layer "${id}" cannot be unmounted from ${target} without losing what was written through one of several names of a file: ` +
        `${cause.message}; { detach: true } takes it away all the same`,
      { cause, id, path: target },
    )
  }
}

async function renewMountPoint(target: string): Promise<void> {
  await rmdir(target)
  await step('removed mount point')
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

/**
 * A read-only copy of what a directory shows, in a directory of its own: cheap, whatever the number of layers.
 *
 * @param former the path of a view that was taken away and is wanted back where it was.
 */
export async function makeView(
  session: Session,
  id: string,
  source: string,
  former?: string,
): Promise<string> {
  const view = await session.store.views.make(id, former === undefined ? undefined : basename(former))
  try {
    await mount({ source, target: view, options: ['bind', 'ro'] })
    await step('mounted view')
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
    await step('unmounted view')
  }
  await removeEmptyDirectory(view)
  session.store.views.forget(view)
}

/**
 * Refuses a layer whose contents are the upper of a live union, wherever that is.
 *
 * @param leaving it is being removed: who makes room cannot be asked to have some.
 */
export async function refuseAlive(session: Session, stack: Stack, leaving = false): Promise<void> {
  const { id, diff } = stack.layer
  if (stack.lowers.length === 0 || !(await isAlive(session, diff, leaving))) return
  // It may be a view that outlived its process: nobody holds that.
  await session.store.views.sweep((path) => unless(dropView(session, id, path), BUSY, undefined), id)
  if (!(await isAlive(session, diff, leaving))) return
  const live = (await session.driver.liveMounts?.(diff)) ?? []
  const who = live.map(async ({ pid, mountPoint }) => {
    return `${mountPoint} (as process ${String(pid)}, ${await commandOf(pid)}, sees it)`
  })
  throw inUse(
    id,
    who.length > 0
      ? `it is mounted writable at ${(await Promise.all(who)).join(', ')}`
      : 'the kernel still has it mounted, detached: a process that was in the mount has not ended yet',
  )
}

const BUSY = ['ERR_LAYER_BUSY'] as const

async function isAlive({ driver, store }: Session, diff: string, leaving: boolean): Promise<boolean> {
  if (driver.alive === undefined) return false
  try {
    // Contents that are missing are in no union.
    return await unless(driver.alive(diff, store.staging), ['ENOENT'], false)
  } catch (error) {
    if (!leaving || !NO_ROOM.includes(codeOf(error) ?? '')) throw error
    // The question takes a directory on some kernels. The mount tables know all but what is detached.
    return ((await driver.liveMounts?.(diff)) ?? []).length > 0
  }
}

const NO_ROOM = ['ENOSPC', 'EDQUOT']

/** What is mounted in a layer's own directories: no deletion crosses it. */
export async function mountsInside({ layout, store }: Session, id: string): Promise<string[]> {
  const paths = store.layerDirectories.map((directory) => layout.own(directory, id))
  const found = await Promise.all(paths.map((prefix) => list({ prefix })))
  return found.flat().map((entry) => entry.mountPoint)
}
