import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

import {
  AT_FDCWD,
  closeSync,
  FSPICK_CLOEXEC,
  FSPICK_EMPTY_PATH,
  mount,
  mountAt,
  MNT_DETACH,
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_REMOUNT,
  moveMount,
  newMount,
  O_PATH,
  reconfigure,
  SyscallError,
  umount2,
} from '../sys/index.ts'
import type { FsSetting } from '../sys/index.ts'
import { invalidValue } from '../sys/arguments.ts'
import { telling } from '../sys/events.ts'
import { gathered } from './abort.ts'
import type { SignalOptions } from './abort.ts'
import type { DataPiece, MountPlan, MountStep, Setting } from './plan.ts'
import { wordsOfFailure } from './words-of-failure.ts'

type Step<Call> = Extract<MountStep, { call: Call }>

/** The paths that one step names by descriptor: open while the step runs. */
class OpenPaths {
  readonly #opened: Array<Promise<FileHandle>> = []

  /** Answers the number of a descriptor (O_PATH) of a path. */
  async open(path: string): Promise<number> {
    const opened = open(path, O_PATH)
    this.#opened.push(opened)
    try {
      return (await opened).fd
    } catch (error) {
      const { errno, code } = error as NodeJS.ErrnoException
      throw new SyscallError(errno ?? code ?? 'EIO', 'open', { path, cause: error })
    }
  }

  async close(): Promise<void> {
    for (const result of await Promise.allSettled(this.#opened)) {
      if (result.status === 'fulfilled') await result.value.close()
    }
  }
}

async function withPaths<T>(work: (paths: OpenPaths) => Promise<T>): Promise<T> {
  const paths = new OpenPaths()
  try {
    return await work(paths)
  } finally {
    await paths.close()
  }
}

async function toData(pieces: readonly DataPiece[], paths: OpenPaths): Promise<string> {
  const words = pieces.map(async (piece) =>
    typeof piece === 'string' ? piece : String(await paths.open(piece.open)),
  )
  return (await Promise.all(words)).join('')
}

function toSettings(settings: readonly Setting[], paths: OpenPaths): Promise<FsSetting[]> {
  return Promise.all(
    settings.map(async (setting) =>
      'open' in setting ? { key: setting.key, fd: await paths.open(setting.open) } : setting,
    ),
  )
}

/** What the steps have made so far. */
interface Progress {
  /** The mount that is attached nowhere yet. */
  detached?: number | undefined
  /** How many mounts lie on the target. */
  attached: number
}

/**
 * Performs a plan on a directory: all its steps, or none of them. Classic steps mount on the target; steps of the
 * newer interface work on a mount that is attached nowhere, which is attached when they are done.
 *
 * With a signal that is aborted, it stops after the call that is running, undoes what was done, and then rejects with the
 * signal's reason: when it settles, nothing is left to undo.
 *
 * @param target an existing directory. mount(2) follows a link there, move_mount(2) does not.
 * @throws SyscallError of the step that failed, with `path` the target and the kernel's own words in `detail` where
 * it has any.
 */
export function perform(plan: MountPlan, target: string, options: SignalOptions = {}): Promise<void> {
  const { type, form } = plan
  return telling('mount', { target, type, form }, () => performAll(plan, target, options))
}

async function performAll(plan: MountPlan, target: string, options: SignalOptions): Promise<void> {
  const progress: Progress = { attached: 0 }
  try {
    for (const step of plan.steps) {
      options.signal?.throwIfAborted()
      await performStep(step, target, progress)
    }
    options.signal?.throwIfAborted()
    await attach(target, progress)
    options.signal?.throwIfAborted()
  } catch (error) {
    const more = await undo(target, progress)
    throw gathered(error instanceof SyscallError ? about(error, target) : error, more)
  } finally {
    if (progress.detached !== undefined) closeSync(progress.detached)
  }
}

/**
 * Performs a plan of the newer interface and attaches it nowhere.
 *
 * @returns the mount's descriptor.
 * @throws SyscallError as {@link perform}; TypeError ERR_INVALID_ARG_VALUE for a plan with steps of mount(2).
 */
export async function performDetachedSteps(plan: MountPlan, options: SignalOptions = {}): Promise<number> {
  const progress: Progress = { attached: 0 }
  try {
    for (const step of plan.steps) {
      options.signal?.throwIfAborted()
      if (step.call === 'mount') throw notDetached(plan)
      await performStep(step, '', progress)
    }
    options.signal?.throwIfAborted()
    if (progress.detached === undefined) throw notDetached(plan)
    const { detached } = progress
    progress.detached = undefined
    return detached
  } finally {
    if (progress.detached !== undefined) closeSync(progress.detached)
  }
}

function notDetached(plan: MountPlan): TypeError {
  return invalidValue('plan', 'must have steps of newMount and reconfigure only', plan.form)
}

async function performStep(step: MountStep, target: string, progress: Progress): Promise<void> {
  switch (step.call) {
    case 'mount':
      await attach(target, progress)
      await performMount(step, target)
      if (!(step.flags & MS_REMOUNT)) progress.attached++
      return
    case 'newMount':
      await attach(target, progress)
      progress.detached = await performNewMount(step)
      return
    case 'reconfigure':
      await performReconfigure(step, target, progress)
  }
}

async function performMount(step: Step<'mount'>, target: string): Promise<void> {
  const { source, type, flags, directory } = step
  await withPaths(async (paths) => {
    const data = await toData(step.data, paths)
    try {
      if (directory === undefined) await mount(source, target, type, flags, data)
      else await mountAt(directory, source, target, type, flags, data)
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error
      const detail =
        directory === undefined ? await wordsOfFailure(error, type, source, flags, data) : undefined
      throw detail === undefined ? error : error.with({ detail })
    }
  })
}

async function performNewMount(step: Step<'newMount'>): Promise<number> {
  const { type, attributes } = step
  return withPaths(async (paths) =>
    newMount({ type, attributes, settings: await toSettings(step.settings, paths) }),
  )
}

async function performReconfigure(
  step: Step<'reconfigure'>,
  target: string,
  { detached }: Progress,
): Promise<void> {
  await withPaths(async (paths) => {
    const settings = await toSettings(step.settings, paths)
    if (detached === undefined) await reconfigure(AT_FDCWD, target, FSPICK_CLOEXEC, settings)
    else await reconfigure(detached, '', FSPICK_CLOEXEC | FSPICK_EMPTY_PATH, settings)
  })
}

async function attach(target: string, progress: Progress): Promise<void> {
  if (progress.detached === undefined) return
  await moveMount(progress.detached, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH)
  progress.attached++
  closeSync(progress.detached)
  progress.detached = undefined
}

/** Takes down what was mounted; answers what failed. */
async function undo(target: string, progress: Progress): Promise<unknown[]> {
  try {
    for (; progress.attached > 0; progress.attached--) await takeDown(target)
    return []
  } catch (error) {
    return [error]
  }
}

/**
 * Unmounts what was just mounted; when somebody is in it already, from the tree at least. A link is followed, as
 * mount(2) followed it.
 */
export function takeDown(target: string): Promise<void> {
  const event = { target, detach: false, tries: 1 }
  return telling('unmount', event, async () => {
    try {
      await umount2(target)
    } catch (error) {
      if (!(error instanceof SyscallError) || error.code !== 'EBUSY') throw error
      Object.assign(event, { detach: true, tries: 2 })
      await umount2(target, MNT_DETACH)
    }
  })
}

/** The failure of a step, told as one of mounting on the target. */
function about(error: SyscallError, target: string): SyscallError {
  if (error.path === target || error.syscall === 'open') return error
  return new SyscallError(error.errno, error.syscall, { path: target, detail: error.detail, cause: error })
}
